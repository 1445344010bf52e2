"""Rows of tables that more than one page shows."""

from dataclasses import dataclass

from clm_api.conditions import Condition as Observed
from clm_api.model_version import TERMINAL, Phase
from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages import lights
from clm_cli.dashboard.pages.words import (
    STAGES,
    Light,
    Tone,
    When,
    maybe_when,
    number,
    percent,
    when,
)
from clm_cli.dashboard.paths import version_path
from clm_cli.dashboard.world import World, key_of
from clm_cli.screen import hindrance

_BAD_IF_TRUE = frozenset(
    {"Stalled", "Drifted", "Degraded", "Stale", "Halted", "ProductionVersionMissing"}
)
_NEITHER = frozenset({"Progressing", "Reconciling", "InProduction", "ShadowPassed"})


@dataclass(frozen=True)
class Going:
    """How far a run is.

    Parameters
    ----------
    percent
        None where nothing is known yet.
    words
        The step, what it does, and how long it will take.
    """

    percent: int | None
    words: str
    queue: Light | None


@dataclass(frozen=True)
class Run:
    """A version in a table.

    Parameters
    ----------
    value
        What a form sends for it: namespace and name.
    """

    name: str
    link: str
    value: str
    trigger: str
    stage: Light
    going: Going | None
    sharpe: str
    total_return: str
    drawdown: str
    trades: str
    ended: When | None


@dataclass(frozen=True)
class Condition:
    """One observation."""

    kind: str
    light: Light
    message: str
    since: When


def run(version: VersionView, world: World) -> Run:
    """Return a version's row."""
    status, metrics, key = version.status, version.status.metrics, key_of(version)
    return Run(
        name=version.name,
        link=version_path(key),
        value=f"{key.namespace}/{key.name}",
        trigger=str(version.spec.trigger.type),
        stage=Light(str(status.stage), STAGES[status.stage], status.reason),
        going=going(version),
        sharpe=number(metrics.sharpe) if metrics else "",
        total_return=percent(metrics.total_return, 1) if metrics else "",
        drawdown=percent(metrics.max_drawdown, 1) if metrics else "",
        trades=str(metrics.trades) if metrics and metrics.trades is not None else "",
        ended=maybe_when(status.completion_time, world.now),
    )


def going(version: VersionView) -> Going | None:
    """Say how far a run is; None once it has ended."""
    status = version.status
    if status.phase in TERMINAL:
        return None
    queue = lights.queue(version) if lights.waits(version) else None
    if why := hindrance(version):
        return Going(None, why, queue)
    if status.phase is Phase.PENDING or status.progress is None:
        return Going(None, status.message or f"{status.phase}".lower(), queue)
    progress = status.progress
    words = f"{progress.stage}: {progress.message}" if progress.message else progress.stage
    return Going(progress.percent, words, queue)


def condition(seen: Observed, world: World) -> Condition:
    """Return a condition's row; whether True is good depends on its type."""
    good = seen.status == ("False" if seen.type in _BAD_IF_TRUE else "True")
    tone = Tone.QUIET if seen.type in _NEITHER or seen.status == "Unknown" else Tone.WARN
    light = Light(f"{seen.status} · {seen.reason}", Tone.GOOD if good else tone)
    return Condition(seen.type, light, seen.message, when(seen.last_transition_time, world.now))
