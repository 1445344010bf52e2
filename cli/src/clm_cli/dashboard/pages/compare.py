"""Two to five versions beside one another: ``/compare?v=NAMESPACE/NAME&v=…``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clm_api.promotion import Verdict
from clm_cli.cluster import VersionView
from clm_cli.dashboard import paths
from clm_cli.dashboard.files import File, Wanted
from clm_cli.dashboard.pages.gates import NAMES
from clm_cli.dashboard.pages.luck import caution
from clm_cli.dashboard.pages.metrics import KINDS, Kind, value_of
from clm_cli.dashboard.pages.words import DASH, STAGES, Light, Tone, figure, percent
from clm_cli.dashboard.plots.curves import KINDS as LINES
from clm_cli.dashboard.plots.curves import Curve, curves
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, World, owner_of

LEAST, MOST = 2, 5


@dataclass(frozen=True)
class Column:
    """A version at the head of its column.

    Parameters
    ----------
    line
        CSS class of its curve.
    without
        Address of the comparison without it; empty where two are left.
    """

    name: str
    link: str
    schedule: str
    stage: Light
    line: str
    without: str


@dataclass(frozen=True)
class Cell:
    """A value; the best one of its row is marked."""

    text: str
    best: bool = False
    light: Light | None = None


@dataclass(frozen=True)
class Row:
    """One thing that is compared."""

    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Compare:
    """All that the page shows.

    Parameters
    ----------
    caution
        What the difference of the Sharpe ratios is worth.
    settings
        Settings of the runs that differ.
    equity_words
        What is to be known of the curves, or why there are none.
    """

    columns: Sequence[Column]
    metrics: Sequence[Row]
    caution: str
    criteria: Sequence[Row]
    settings: Sequence[Row]
    spans: Sequence[Row]
    equity: Markup | None
    equity_words: str


def _keys(query: Query) -> tuple[Key, ...]:
    pairs = (text.partition("/") for text in dict.fromkeys(query.all("v")))
    return tuple(Key(namespace, name) for namespace, _, name in pairs)


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return tuple(map(paths.version_topic, _keys(query)))


def wanted(_world: World, query: Query) -> tuple[Wanted, ...]:
    """Return the files of the store that the page shows."""
    return tuple(Wanted(key, File.EQUITY) for key in _keys(query)[:MOST])


def page(world: World, query: Query) -> Compare:
    """Return what the page shows.

    Raises
    ------
    NotShownError
        The address names too few or too many versions, or one that is not there.
    """
    keys = _keys(query)
    if not LEAST <= len(keys) <= MOST:
        raise NotShownError(
            f"Choose {LEAST} to {MOST} versions on a schedule's page: this address has {len(keys)}."
        )
    if missing := [key for key in keys if key not in world.single]:
        names = ", ".join(f"{key.namespace}/{key.name}" for key in missing)
        raise NotShownError(f"No such ModelVersion is known here: {names}.")
    views = [world.single[key] for key in keys]
    plot, words = _equity(query, keys)
    return Compare(
        columns=[_column(place, key, views[place], keys) for place, key in enumerate(keys)],
        metrics=[_metric(kind, views) for kind in KINDS],
        caution=caution(views),
        criteria=list(_criteria(views)),
        settings=list(_settings(views)),
        spans=list(_spans(views)),
        equity=plot,
        equity_words=words,
    )


def _column(place: int, key: Key, view: VersionView, keys: Sequence[Key]) -> Column:
    rest = [other for other in keys if other != key]
    status = view.status
    return Column(
        name=view.name,
        link=paths.version_path(key),
        schedule=owner_of(view).name,
        stage=Light(str(status.stage), STAGES[status.stage], status.reason),
        line=LINES[place],
        without=paths.compare_path(*rest) if len(rest) >= LEAST else "",
    )


def _metric(kind: Kind, views: Sequence[VersionView]) -> Row:
    values = [value_of(view.status.metrics, kind) for view in views]
    known = [value * kind.better for value in values if value is not None and kind.better]
    best = max(known) if len(known) > 1 and min(known) < max(known) else None
    cells = [
        Cell(
            kind.write(value),
            best=best is not None and value is not None and value * kind.better == best,
        )
        for value in values
    ]
    return Row(kind.words, cells)


def _criteria(views: Sequence[VersionView]) -> Iterator[Row]:
    for name in dict.fromkeys(c.name for view in views for c in view.status.criteria):
        yield Row(NAMES.get(name, name), [_criterion(view, name) for view in views])


def _criterion(view: VersionView, name: str) -> Cell:
    row = next((c for c in view.status.criteria if c.name == name), None)
    if row is None:
        return Cell(DASH)
    passed = row.verdict is Verdict.PASSED
    value = "undefined" if row.value is None else figure(row.value)
    light = Light(row.verdict.lower(), Tone.GOOD if passed else Tone.BAD)
    return Cell(f"{value} {row.operator} {row.threshold:zg}", light=light)


def _settings(views: Sequence[VersionView]) -> Iterator[Row]:
    """Yield the settings of the runs that are not the same; their bars have rows of their own."""
    told = [dict(_leaves(view.spec.run.to_json_dict(), "")) for view in views]
    for name in dict.fromkeys(name for one in told for name in one):
        values = [one.get(name, "") for one in told]
        if any(value != values[0] for value in values) and name not in ("data.from", "data.to"):
            yield Row(name, [Cell(value or DASH) for value in values])


def _leaves(value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, child in value.items():
        place = f"{path}.{name}" if path else name
        if isinstance(child, dict):
            yield from _leaves(child, place)
        elif isinstance(child, list):
            yield place, ", ".join(map(str, child))
        else:
            yield place, f"{child:z.4g}" if isinstance(child, float) else str(child)


def _spans(views: Sequence[VersionView]) -> Iterator[Row]:
    used = [view.status.data for view in views]
    yield Row("bars from", [Cell(f"{d.from_:%Y-%m-%d %H:%M}" if d else DASH) for d in used])
    yield Row("bars to", [Cell(f"{d.to:%Y-%m-%d %H:%M}" if d else DASH) for d in used])
    yield Row("bars", [Cell(str(d.bars) if d else DASH) for d in used])
    tests = [view.status.metrics.folds if view.status.metrics else [] for view in views]
    yield Row("tested from", [Cell(f"{t[0].test_from:%Y-%m-%d}" if t else DASH) for t in tests])
    yield Row("tested to", [Cell(f"{t[-1].test_to:%Y-%m-%d}" if t else DASH) for t in tests])


def _equity(query: Query, keys: Sequence[Key]) -> tuple[Markup | None, str]:
    files = [query.files.get(Wanted(key, File.EQUITY)) for key in keys]
    if all(found is None for found in files):
        return None, "Start clm dashboard with --store to see the equity curves."
    lines, missing = [], []
    for place, (key, found) in enumerate(zip(keys, files, strict=True)):
        if found is None or found.equity is None or not found.equity.times:
            missing.append(f"{key.name}: {(found and found.problem) or 'no equity is stored'}")
            continue
        equity = found.equity
        points = [(t, v - 1) for t, v in zip(equity.times, equity.values, strict=True)]
        lines.append(Curve(key.name, LINES[place], points))
    said = "; ".join(missing)
    if not lines:
        return None, said
    text = "; ".join(f"{line.said} {percent(line.points[-1][1])}" for line in lines)
    return curves("compared", "Equity of the backtests", lines, f"At the end: {text}."), said
