"""The page of one version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clm_api.lifecycle import Stage
from clm_api.model_version import TERMINAL, ShadowStatus, ShadowVerdict
from clm_api.promotion import CriterionVerdict, Verdict
from clm_api.report import FoldMetrics
from clm_cli.cluster import ScheduleView, VersionView
from clm_cli.dashboard import paths
from clm_cli.dashboard.files import LOG_BYTES, Equity, File, Found, Wanted
from clm_cli.dashboard.pages import lights
from clm_cli.dashboard.pages.gates import NAMES
from clm_cli.dashboard.pages.logs import MOST_LINES, Line, lines
from clm_cli.dashboard.pages.metrics import Metric, metrics
from clm_cli.dashboard.pages.origin import Fact, origin
from clm_cli.dashboard.pages.rows import Condition, Going, condition, going
from clm_cli.dashboard.pages.words import (
    PHASES,
    STAGES,
    Light,
    Tone,
    When,
    figure,
    maybe_when,
    number,
    percent,
    when,
)
from clm_cli.dashboard.plots.curves import Curve, curves
from clm_cli.dashboard.plots.folds import folds
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, World, owner_of

_SHADOW = {
    ShadowVerdict.PASSED: Tone.GOOD,
    ShadowVerdict.FAILED: Tone.BAD,
    ShadowVerdict.INCONCLUSIVE: Tone.WARN,
}


@dataclass(frozen=True)
class Judged:
    """One criterion's row."""

    name: str
    value: str
    threshold: str
    light: Light
    message: str


@dataclass(frozen=True)
class Fold:
    """One fold's row."""

    number: int
    trained: str
    tested: str
    sharpe: str
    total_return: str
    held: str
    trades: str


@dataclass(frozen=True)
class Shadow:
    """The test on bars after the training."""

    light: Light
    since: When
    rows: Sequence[tuple[str, str]]
    message: str


@dataclass(frozen=True)
class Move:
    """One step of the version's life."""

    stage: Light
    at: When
    by: str
    reason: str


@dataclass(frozen=True)
class Offers:
    """What a person may ask of the version now.

    Parameters
    ----------
    replaces
        The version in production that a promotion would replace; empty where none is there.
    """

    promote: bool
    shadow: bool
    withdraw: bool
    replaces: str


@dataclass(frozen=True)
class Version:
    """All that the page shows.

    Parameters
    ----------
    equity
        The backtest's equity, where the store was asked.
    report
        Address of the tear sheet for a sandboxed frame; empty where it can't be shown.
    report_words
        Where the tear sheet lies, or why there is none.
    log_words
        Where the log is from, or why it can't be shown.
    """

    key: Key
    name: str
    namespace: str
    schedule: str
    schedule_key: Key
    stage: Light
    phase: Light
    message: str
    started: When | None
    ended: When | None
    duration: str
    going: Going | None
    queue: Light | None
    queue_since: When | None
    verdicts: Sequence[Judged]
    significance: str
    metrics: Sequence[Metric]
    folds: Sequence[Fold]
    folds_plot: Markup | None
    equity: Markup | None
    origin: Sequence[Fact]
    shadow: Shadow | None
    decision: Light | None
    decided: When | None
    moves: Sequence[Move]
    conditions: Sequence[Condition]
    report: str
    report_words: str
    log: Sequence[Line]
    log_words: str
    offers: Offers


def topics(world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    own = paths.version_topic(query.key)
    one = world.single.get(query.key)
    return (own, paths.schedule_topic(owner_of(one))) if one else (own,)


def wanted(_world: World, query: Query) -> tuple[Wanted, ...]:
    """Return the files of the store that the page shows."""
    return (Wanted(query.key, File.EQUITY), Wanted(query.key, File.LOG))


def page(world: World, query: Query) -> Version:
    """Return what is to be said of a version.

    Raises
    ------
    NotShownError
        There is no such version.
    """
    key, now = query.key, world.now
    if (view := world.single.get(key)) is None:
        raise NotShownError(f"No readable ModelVersion {key.namespace}/{key.name} is known here.")
    status, owner = view.status, owner_of(view)
    found = status.metrics
    equity, log = (query.files.get(one) for one in wanted(world, query))
    decision = status.promotion
    return Version(
        key=key,
        name=key.name,
        namespace=key.namespace,
        schedule=owner.name,
        schedule_key=owner,
        stage=Light(str(status.stage), STAGES[status.stage], status.reason),
        phase=Light(str(status.phase), PHASES[status.phase]),
        message=status.message,
        started=maybe_when(status.start_time, now),
        ended=maybe_when(status.completion_time, now),
        duration=status.duration or "",
        going=going(view),
        queue=lights.queue(view) if status.phase not in TERMINAL else None,
        queue_since=maybe_when(status.queue.since if status.queue else None, now),
        verdicts=list(map(_judged, status.criteria)),
        significance=_significance(view),
        metrics=metrics(view),
        folds=list(map(_fold, found.folds)) if found else [],
        folds_plot=folds(found.folds) if found and found.folds else None,
        equity=_equity(view, equity.equity) if equity and equity.equity else None,
        origin=origin(view, world),
        shadow=_shadow(status.shadow, world) if status.shadow else None,
        decision=_decision(view),
        decided=when(decision.at, now) if decision else None,
        moves=[_move(view, place, world) for place in reversed(range(len(status.history)))],
        conditions=[condition(c, world) for c in status.conditions],
        report=paths.report_path(key) if status.report_uri and query.store else "",
        report_words=_report_words(view, store=query.store),
        log=lines(log.content) if log else (),
        log_words=_log_words(log, key.name),
        offers=_offers(view, world.schedules.get(owner)),
    )


def _judged(row: CriterionVerdict) -> Judged:
    passed = row.verdict is Verdict.PASSED
    return Judged(
        name=NAMES.get(row.name, row.name),
        value="undefined" if row.value is None else figure(row.value),
        threshold=f"{row.operator} {row.threshold:zg}",
        light=Light(row.verdict.lower(), Tone.GOOD if passed else Tone.BAD),
        message=row.message if row.value is None else "",
    )


def _significance(view: VersionView) -> str:
    """Say how much of the Sharpe ratio may be luck."""
    found, tries = view.status.metrics, view.spec.run.trials.count
    if found is None or found.psr is None:
        return ""
    said = f"The true Sharpe ratio is above 0 with probability {percent(found.psr, 1)}"
    if found.deflated_sharpe is not None:
        counted = "the one try" if tries == 1 else f"the best of {tries} tries"
        said += f", and above the luck of {counted} with {percent(found.deflated_sharpe, 1)}"
    return f"{said}."


def _fold(row: FoldMetrics) -> Fold:
    return Fold(
        number=row.fold + 1,
        trained=f"{row.train_from:%Y-%m-%d} to {row.train_to:%Y-%m-%d}",
        tested=f"{row.test_from:%Y-%m-%d} to {row.test_to:%Y-%m-%d}",
        sharpe=number(row.sharpe),
        total_return=percent(row.total_return, 1),
        held=number(row.buy_and_hold_sharpe),
        trades=str(row.trades),
    )


def _equity(view: VersionView, equity: Equity) -> Markup:
    points = [(t, v - 1) for t, v in zip(equity.times, equity.values, strict=True)]
    text = f"{percent(points[-1][1])} at its end, out of sample and net of costs."
    title = f"Equity of the backtest of {view.name}"
    return curves("equity", title, [Curve("backtest", "one", points)], text)


def _shadow(test: ShadowStatus, world: World) -> Shadow:
    light = Light("goes on", Tone.TEST)
    if test.verdict is not None:
        light = Light(test.verdict.lower(), _SHADOW[test.verdict])
    return Shadow(light, when(test.since, world.now), list(_test_rows(test)), test.message)


def _test_rows(test: ShadowStatus) -> Iterator[tuple[str, str]]:
    yield "held against", test.champion or "nothing in production"
    yield "bars", str(test.bars)
    yield "closed trades", str(test.trades)
    yield "Sharpe ratio", number(test.sharpe)
    yield "champion's Sharpe ratio", number(test.champion_sharpe)
    yield "p-value of being worse", figure(test.p_value)


def _decision(view: VersionView) -> Light | None:
    """Say what became of the newest request, or that one waits."""
    if (asked := view.spec.request) is not None:
        why = f"{asked.by}: {asked.reason}"
        return Light(f"{asked.stage} is asked for", Tone.BUSY, why)
    decision = view.status.promotion
    if decision is None:
        return None
    done = decision.outcome in ("Promoted", "RolledBack", "ShadowStarted", "Archived", "Halted")
    why = f"{decision.message}; asked for by {decision.by}: {decision.reason}"
    return Light(decision.outcome, Tone.GOOD if done else Tone.WARN, why)


def _move(view: VersionView, place: int, world: World) -> Move:
    change = view.status.history[place]
    light = Light(str(change.stage), STAGES[change.stage])
    return Move(light, when(change.at, world.now), change.by, change.reason)


def _report_words(view: VersionView, *, store: bool) -> str:
    uri = view.status.report_uri
    if uri is None:
        return "This run has no tear sheet yet."
    if store:
        return uri
    return f"The tear sheet lies at {uri}. Start clm dashboard with --store to see it here."


def _log_words(log: Found | None, name: str) -> str:
    if log is None:
        return "Start clm dashboard with --store to read the log here, or use clm logs."
    if log.problem:
        return log.problem
    if len(log.content) >= LOG_BYTES:
        return f'Of the log\'s first MiB, the last lines. "clm logs {name}" shows all.'
    if len(log.content.splitlines()) > MOST_LINES:
        return f'The last {MOST_LINES} lines. "clm logs {name}" shows all.'
    return ""


def _offers(view: VersionView, owner: ScheduleView | None) -> Offers:
    """Return which requests the operator may grant; it decides, and says why not."""
    stage, asked = view.status.stage, view.spec.request is not None
    there = owner.status.production if owner is not None else None
    ended = view.status.phase in TERMINAL and not asked
    return Offers(
        promote=ended and stage in (Stage.CANDIDATE, Stage.SHADOW, Stage.ARCHIVED),
        shadow=ended and stage is Stage.CANDIDATE,
        withdraw=ended and stage in (Stage.CANDIDATE, Stage.SHADOW),
        replaces=there.version if there else "",
    )
