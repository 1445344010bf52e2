"""How production does against what its backtest promised, in figures and as a curve."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from markupsafe import Markup

from clm_api.performance import PerformanceStatus
from clm_api.timing import TIMEFRAME_SECONDS
from clm_cli.cluster import ScheduleView
from clm_cli.dashboard.files import Equity, File, Found, Wanted
from clm_cli.dashboard.pages.words import Light, Tone, number, percent, plural
from clm_cli.dashboard.plots.curves import Band, Curve, curves
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key

_YEAR = timedelta(days=365.25)
_NINE_OF_TEN = 1.645
"""Standard deviations about the mean that hold 90 % of a normal distribution."""
_STEPS = 80
WITH_STORE = (
    "The cluster keeps the newest figures only. Start clm dashboard with --store to see the curve "
    "from the replays' reports, with the band of what was promised."
)


@dataclass(frozen=True)
class Against:
    """One figure of production, and what it is held against."""

    name: str
    live: str
    bound: str
    light: Light


@dataclass(frozen=True)
class Earning:
    """How production has done since it came there.

    Parameters
    ----------
    rows
        Figures against what was promised or allowed; none where nothing was looked at.
    message
        What the newest look found.
    plot, text
        The curve and what it shows in words; None where the store was not asked.
    missing
        Why there is no curve, or no band.
    """

    summary: str
    rows: Sequence[Against]
    message: str
    plot: Markup | None
    text: str
    missing: str


def wanted(view: ScheduleView, key: Key) -> tuple[Wanted, ...]:
    """Return the files that the curve needs: the replays' reports, and production's backtest."""
    there = view.status.production
    if there is None:
        return ()
    backtest = Wanted(Key(key.namespace, there.version), File.EQUITY)
    return (Wanted(key, File.REPLAYS), backtest)


def earning(view: ScheduleView, query: Query) -> Earning:
    """Return how production does; empty where nothing is there."""
    there, seen = view.status.production, view.status.performance
    if there is None:
        return Earning("", (), "", None, "", "")
    seen = seen if seen is not None and seen.version == there.version else None
    rows = list(_rows(seen)) if seen else []
    plot, text, missing = _curve(view, query, seen)
    summary, message = _summary(view), seen.message if seen else ""
    return Earning(summary, rows, message, plot, text, missing)


def _summary(view: ScheduleView) -> str:
    live = view.status.production.live if view.status.production else None
    if live is None:
        return "No replay has looked at it since it came into production."
    return (
        f"{percent(live.total_return)} in {plural(live.bars, 'bar')} and "
        f"{plural(live.trades, 'closed trade')}, net of costs; Sharpe ratio {number(live.sharpe)}, "
        f"largest drawdown {percent(live.max_drawdown)}."
    )


def _rows(seen: PerformanceStatus) -> Iterator[Against]:
    """Yield figures against promise and limits; the rules' verdict is the operator's."""
    yield Against(
        "Sharpe ratio, annualised",
        number(seen.sharpe),
        f"{number(seen.promised_sharpe)} promised",
        _compared(seen.sharpe, seen.promised_sharpe),
    )
    for name, value, limit in (
        ("added-up shortfall (CUSUM)", seen.cusum, seen.cusum_limit),
        ("largest drawdown", seen.drawdown, seen.max_drawdown),
    ):
        yield Against(name, percent(value), f"{percent(limit)} at most", _within(value, limit))


def _compared(live: float | None, promised: float | None) -> Light:
    if live is None or promised is None:
        return Light("unknown", Tone.QUIET)
    if live >= promised:
        return Light("at or above", Tone.GOOD)
    return Light("below", Tone.QUIET, "only clearly below counts: see the verdict")


def _within(value: float | None, limit: float | None) -> Light:
    if value is None or limit is None:
        return Light("unknown", Tone.QUIET)
    return Light("within", Tone.GOOD) if value <= limit else Light("beyond", Tone.BAD)


def _curve(
    view: ScheduleView, query: Query, seen: PerformanceStatus | None
) -> tuple[Markup | None, str, str]:
    """Return plot, its words, and what is missing."""
    live, backtest = (query.files.get(one) for one in wanted(view, query.key))
    if live is None:
        return None, "", WITH_STORE
    if live.equity is None or not live.equity.times:
        return None, "", live.problem or "The store holds no report of a replay of this version."
    points = _returns(live.equity)
    lines = [Curve("live, replayed", "one", points)]
    band, missing = _band(view, seen, backtest, points)
    text = f"{percent(points[-1][1])} after {plural(len(points) - 1, 'replay')}."
    if band.low:
        text += (
            f" The band, {percent(band.low[-1][1])} to {percent(band.high[-1][1])} at its end, "
            "holds 90 % of what the promised mean and the backtest's spread would give."
        )
    title = "Equity of production since it came there"
    return curves("earning", title, lines, text, band), text, missing


def _band(
    view: ScheduleView,
    seen: PerformanceStatus | None,
    backtest: Found | None,
    points: Sequence[tuple[float, float]],
) -> tuple[Band, str]:
    """Return what was promised over the time of a curve, or why that is unknown."""
    if seen is None or seen.promised_sharpe is None or view.spec is None:
        return Band(), "No band: no replay has worked out what was promised."
    if backtest is None or backtest.equity is None:
        why = backtest.problem if backtest else "its backtest was not read"
        return Band(), f"No band: {why or 'the store holds no equity of its backtest'}."
    values, length = backtest.equity.values, TIMEFRAME_SECONDS[view.spec.data.timeframe]
    changes = [b / a - 1 for a, b in pairwise(values) if a > 0]
    if len(changes) < 2:
        return Band(), "No band: its backtest has too few bars."
    spread = statistics.stdev(changes)
    mean = seen.promised_sharpe * spread / math.sqrt(_YEAR.total_seconds() / length)
    first, last = points[0][0], points[-1][0]
    low, high = [], []
    for step in range(_STEPS + 1):
        time = first + (last - first) * step / _STEPS
        bars = (time - first) / length
        room = _NINE_OF_TEN * spread * math.sqrt(bars)
        low.append((time, bars * mean - room))
        high.append((time, bars * mean + room))
    return Band(low, high), ""


def _returns(equity: Equity) -> list[tuple[float, float]]:
    return [(t, v - 1) for t, v in zip(equity.times, equity.values, strict=True)]
