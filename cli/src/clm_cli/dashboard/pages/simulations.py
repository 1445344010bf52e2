"""Every simulation that the reader may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clm_cli.dashboard import paths
from clm_cli.dashboard.pages.words import PHASES, Light, When, maybe_when, number, percent, when
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key, SimulationView, World


@dataclass(frozen=True)
class Row:
    """A simulation."""

    name: str
    namespace: str
    link: str
    schedule: str
    span: str
    variants: int
    phase: Light
    percent: int
    words: str
    ends: When | None
    best: str
    total_return: str
    sharpe: str
    overfitting: str
    created: When


@dataclass(frozen=True)
class Simulations:
    """All simulations, the newest first."""

    rows: Sequence[Row]
    empty: str


def topics(_world: World, _query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.ALL_SIMULATIONS,)


def page(world: World, _query: Query) -> Simulations:
    """Return what the page shows."""
    newest = sorted(
        world.simulations.items(),
        key=lambda pair: (pair[1].raw["metadata"]["creationTimestamp"], pair[0]),
        reverse=True,
    )
    begin = (
        "There is no Simulation yet. One asks whether a schedule and its gate would have made "
        "money: clm simulate --cluster FILE, or kubectl apply one. See docs/simulation.md."
    )
    rows = [_row(key, view, world) for key, view in newest]
    return Simulations(rows, "" if rows else begin)


def _row(key: Key, view: SimulationView, world: World) -> Row:
    spec, status = view.spec, view.status
    return Row(
        name=key.name,
        namespace=key.namespace,
        link=paths.simulation_path(key),
        schedule=(spec.schedule_name or "its own") if spec else "",
        span=f"{spec.from_:%Y-%m-%d} to {spec.to:%Y-%m-%d}" if spec else "",
        variants=len(spec.all_variants) if spec else 0,
        phase=phase(view),
        percent=status.percent,
        words=f"{status.trained} of {status.slots} slots",
        ends=maybe_when(status.completion_time or status.estimated_completion_time, world.now),
        best=status.best or "",
        total_return=percent(status.total_return, 1),
        sharpe=number(status.sharpe),
        overfitting=percent(status.overfitting_probability, 0),
        created=when(created(view), world.now),
    )


def phase(view: SimulationView) -> Light:
    """Say where a simulation stands."""
    why = view.problem or view.status.message
    return Light(str(view.status.phase), PHASES[view.status.phase], why)


def created(view: SimulationView) -> datetime:
    """Return when a simulation was applied."""
    return datetime.fromisoformat(view.raw["metadata"]["creationTimestamp"])
