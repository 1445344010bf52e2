"""``python -m tools.study.degradation``: how often a version is called degraded, and how soon.

200 streams of ``tools.study.streams`` through the replay's own rule. The rule was fixed on seeds 0
to 199, where its rate of false alarms was lowered once; what is published is of seeds 200 to 399.
``--streams FILE`` writes the same returns for others to look at.
"""

import argparse
import json
import math
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from clm_api.run import RunTrials
from clm_trainer.monitoring.performance import LiveResults, first_fired, limits_of
from clm_trainer.monitoring.promise import Promise, promised
from clm_trainer.panel import Floats
from tools.study.curves import draw
from tools.study.streams import BARS_PER_YEAR, LIVE_DAYS, Stream, edge_of, stream

RESULTS = Path(__file__).parents[2] / "docs" / "monitoring" / "performance.json"
FIRST_SEED, SEEDS = 200, 200
SOON_DAYS = 45
HORIZON_BARS = 24
MAX_DRAWDOWN = 0.15
"""The default of ``criteria.maxDrawdown``."""
_START = pd.Timestamp("2025-01-01", tz="UTC")
_HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Scenario:
    """What a backtest said, and what came after it.

    Parameters
    ----------
    backtest
        The backtest's annualised Sharpe ratio, exactly.
    tries
        Versions that were judged until it was found, of unknown spread.
    before, after
        True Sharpe ratio of the year up to ``turn_day``, and from then on.
    """

    name: str
    backtest: float
    tries: int
    before: float
    after: float
    turn_day: int = 0

    @property
    def same(self) -> bool:
        """Whether the edge is there all the time."""
        return self.before == self.after

    def edges(self, known: Mapping[str, float]) -> Floats:
        """Return the edge of each bar of the year, from the edge of each true Sharpe ratio."""
        made = np.full(LIVE_DAYS * 24, known[f"{self.after:g}"])
        made[: self.turn_day * 24] = known[f"{self.before:g}"]
        return made

    def promise(self, one: Stream) -> Promise:
        """Return what the backtest promises: the stream's shape, with this Sharpe ratio."""
        returns = one.backtest
        mean = self.backtest / math.sqrt(BARS_PER_YEAR) * returns.std(ddof=1)
        made = promised(returns - returns.mean() + mean, RunTrials(count=self.tries))
        if made is None:
            raise ValueError("a stream does not trade")
        return made


SCENARIOS = (
    Scenario("promised 3, earns 3", 3.0, 1, 3.0, 3.0),
    Scenario("promised 1.5, earns 1.5", 1.5, 1, 1.5, 1.5),
    Scenario("promised 0, earns 0", 0.0, 1, 0.0, 0.0),
    Scenario("backtest 3 of 3 tries, earns the deflated 1.28", 3.0, 3, 1.28, 1.28),
    Scenario("backtest 3 of 3 tries, earns 3", 3.0, 3, 3.0, 3.0),
    Scenario("promised 3, earns -1 from the first day", 3.0, 1, -1.0, -1.0),
    Scenario("promised 3, earns -1 from day 90", 3.0, 1, 3.0, -1.0, 90),
    Scenario("backtest 3 of 3 tries, earns -1 from the first day", 3.0, 3, -1.0, -1.0),
    Scenario("promised 3, earns -6 from the first day", 3.0, 1, -6.0, -6.0),
)


def known_edges(streams: Sequence[Stream]) -> dict[str, float]:
    """Return the edge of each true Sharpe ratio that a scenario has."""
    wanted = {sharpe for one in SCENARIOS for sharpe in (one.before, one.after)}
    return {f"{sharpe:g}": edge_of(streams, sharpe) for sharpe in sorted(wanted)}


def alarm(scenario: Scenario, edges: Floats, one: Stream, seed: int) -> dict[str, Any] | None:
    """Return when a stream is first called degraded and by which rule, or None in a whole year."""
    returns = one.live(edges)
    live = LiveResults(_START, _HOUR, np.cumprod(1 + returns, dtype=np.float64), returns)
    bound = limits_of(scenario.promise(one), live, HORIZON_BARS, seed)
    first = first_fired(live, bound, MAX_DRAWDOWN)
    return None if first is None else {"bars": first.bars, "cause": first.cause}


def summary(scenario: Scenario, found: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    """Return the shares that the page shows.

    Alarms before the turn count in ``early`` alone: whether the turn was seen is asked of the
    other streams.
    """
    turn = scenario.turn_day * 24
    days = [math.inf if one is None else (one["bars"] - turn) / 24 for one in found]
    later = [one for one in days if one > 0]
    causes = [one["cause"] for one in found if one is not None]
    return {
        "alarms": len(causes) / len(found),
        "causes": {cause: causes.count(cause) for cause in sorted(set(causes))},
        "early": 1 - len(later) / len(found),
        "within45Days": sum(one <= SOON_DAYS for one in later) / len(later),
        "within90Days": sum(one <= 2 * SOON_DAYS for one in later) / len(later),
        "medianDays": _day(later, 0.5),
        "fourInFiveDays": _day(later, 0.8),
    }


def _day(days: Sequence[float], share: float) -> float | None:
    """Return the day by which such a share is found; None if it is not within the year."""
    day = sorted(days)[math.ceil(share * len(days)) - 1]
    return None if math.isinf(day) else round(day, 1)


def best(fall: float, days: float, rate: float) -> float:
    """Return the share that the best of all tests would find, whatever it looks at in the returns.

    Independent normal returns lose so much of their annual Sharpe ratio on a day that the test
    knows, and it spends a whole year's false alarms on the days after it (Neyman & Pearson 1933).
    """
    normal = NormalDist()
    return normal.cdf(fall * math.sqrt(days / 365.25) + normal.inv_cdf(rate))


def table(facts: dict[str, Any]) -> list[str]:
    """Return the page's table."""
    heads = (
        f"a year of {facts['seeds']} streams", "alarms a year", "Look / Cusum / Drawdown",
        "within 45 days", "within 90 days", "half found by day", "four in five by day",
    )  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "|--" * len(heads) + "|"]
    for name, one in facts["scenarios"].items():
        shown, causes = one["summary"], one["summary"]["causes"]
        by = " / ".join(str(causes.get(cause, 0)) for cause in ("Look", "Cusum", "Drawdown"))
        soon, then = (f"{shown[key]:.0%}" for key in ("within45Days", "within90Days"))
        half, most = (_shown(shown[key]) for key in ("medianDays", "fourInFiveDays"))
        rows.append(
            f"| {name} | {shown['alarms']:.2f} | {by} | {soon} | {then} | {half} | {most} |"
        )
    return rows


def _shown(days: float | None) -> str:
    return "-" if days is None else f"{days:.0f}"


def _numbers(seeds: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + seeds)


def main(seeds: int, path: Path) -> None:
    """Run all scenarios on all cores and write what came out."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        streams = list(pool.map(stream, _numbers(seeds)))
        edges, scenarios = known_edges(streams), {}
        for scenario in SCENARIOS:
            look = partial(alarm, scenario, scenario.edges(edges))
            found = list(pool.map(look, streams, range(seeds), chunksize=10))
            scenarios[scenario.name] = {"summary": summary(scenario, found), "alarms": found}
    facts = {
        "seeds": seeds,
        "edges": edges,
        "best": best(4.0, SOON_DAYS, 0.25),
        "scenarios": scenarios,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n")
    draw(path.with_suffix(".svg"), scenarios)
    print("\n".join(table(facts)))


def write_streams(seeds: int, path: Path) -> None:
    """Write backtest and year of each scenario that others are asked about."""
    streams = [stream(seed) for seed in _numbers(seeds)]
    known, rows = known_edges(streams), {}
    for scenario in SCENARIOS:
        edges = scenario.edges(known)
        pairs = [
            np.concatenate([scenario.promise(one).returns, one.live(edges)]) for one in streams
        ]
        rows[scenario.name] = np.stack(pairs)
    np.savez_compressed(path, allow_pickle=False, **rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--streams", type=Path, help="write the returns there, and no results")
    asked = parser.parse_args()
    if asked.streams:
        write_streams(asked.seeds, asked.streams)
    else:
        main(asked.seeds, asked.out)
