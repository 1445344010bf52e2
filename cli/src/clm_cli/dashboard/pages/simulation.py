"""One simulation: how far it is, what each variant gave, and what the best of them is worth."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from clm_api.simulation import SimulatedVariant, SimulationStatus
from clm_cli.dashboard import paths
from clm_cli.dashboard.pages.rows import Condition, condition
from clm_cli.dashboard.pages.simulations import created, phase
from clm_cli.dashboard.pages.words import (
    DASH,
    PHASES,
    Light,
    When,
    maybe_when,
    number,
    percent,
    when,
)
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import Key, SimulationView, World

_LIKELY, _COIN = 0.5, 0.2


@dataclass(frozen=True)
class Row:
    """A variant."""

    name: str
    patch: str
    phase: Light
    percent: int
    words: str
    failed: str
    passed: str
    promotions: str
    total_return: str
    sharpe: str
    drawdown: str
    held: str
    best: bool


@dataclass(frozen=True)
class Simulation:
    """All that the page shows.

    Parameters
    ----------
    overfitting
        Probability of backtest overfitting, in words; empty before the end.
    report
        Address of the report for a sandboxed frame; empty where it can't be shown.
    """

    key: Key
    name: str
    namespace: str
    schedule: str
    schedule_link: str
    span: str
    parallelism: int
    phase: Light
    message: str
    problem: str
    percent: int
    words: str
    created: When
    started: When | None
    ends: When | None
    ended: When | None
    rows: Sequence[Row]
    overfitting: str
    report: str
    report_words: str
    conditions: Sequence[Condition]


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (paths.simulation_topic(query.key),)


def page(world: World, query: Query) -> Simulation:
    """Return what is to be said of a simulation.

    Raises
    ------
    NotShownError
        There is no such simulation.
    """
    key, now = query.key, world.now
    if (view := world.simulations.get(key)) is None:
        raise NotShownError(f"No Simulation {key.namespace}/{key.name} is known here.")
    spec, status = view.spec, view.status
    owner = Key(key.namespace, spec.schedule_name) if spec and spec.schedule_name else None
    return Simulation(
        key=key,
        name=key.name,
        namespace=key.namespace,
        schedule=owner.name if owner else "of its own",
        schedule_link=paths.schedule_path(owner) if owner in world.schedules and owner else "",
        span=f"{spec.from_:%Y-%m-%d} to {spec.to:%Y-%m-%d}" if spec else "",
        parallelism=spec.parallelism if spec else 0,
        phase=phase(view),
        message=status.message,
        problem=view.problem,
        percent=status.percent,
        words=f"{status.trained} of {status.slots} slots are trained",
        created=when(created(view), now),
        started=maybe_when(status.start_time, now),
        ends=maybe_when(status.estimated_completion_time, now) if not status.artifact else None,
        ended=maybe_when(status.completion_time, now),
        rows=_rows(view),
        overfitting=_overfitting(status),
        report=paths.simulation_report_path(key) if status.report_uri and query.store else "",
        report_words=_report_words(status, store=query.store),
        conditions=[condition(c, world) for c in status.conditions],
    )


def _rows(view: SimulationView) -> list[Row]:
    """Return all variants, those that the operator has not looked at yet, too."""
    known = {variant.name: variant for variant in view.status.variants}
    listed = {v.name: v.patch for v in view.spec.all_variants} if view.spec else {}
    names = dict.fromkeys([*listed, *known])
    made = (known.get(name) or SimulatedVariant(name=name) for name in names)
    best = view.status.best if len(names) > 1 else None
    return [_row(variant, listed.get(variant.name), best) for variant in made]


def _row(variant: SimulatedVariant, patch: object, best: str | None) -> Row:
    done = 100 * variant.trained // variant.slots if variant.slots else 0
    return Row(
        name=variant.name,
        patch=json.dumps(patch) if patch else "the schedule as it is",
        phase=Light(str(variant.phase), PHASES[variant.phase], variant.message),
        percent=done,
        words=f"{variant.trained} of {variant.slots}",
        failed=_count(variant.failed),
        passed=_count(variant.passed),
        promotions=_count(variant.promotions),
        total_return=percent(variant.total_return, 1),
        sharpe=number(variant.sharpe),
        drawdown=percent(variant.max_drawdown, 1),
        held=percent(variant.buy_and_hold, 1),
        best=variant.name == best,
    )


def _report_words(status: SimulationStatus, *, store: bool) -> str:
    if status.report_uri is None:
        return "The report is written once all slots are trained."
    if store:
        return status.report_uri
    return f"The report lies at {status.report_uri}. Start clm dashboard with --store to see it."


def _count(value: int | None) -> str:
    return DASH if value is None else str(value)


def _overfitting(status: SimulationStatus) -> str:
    """Say in words what choosing the best is worth."""
    if (chance := status.overfitting_probability) is None:
        unknown = "The probability of backtest overfitting is unknown: see the report."
        return unknown if status.artifact else ""
    said = f"The probability of backtest overfitting is {percent(chance, 0)}: "
    if chance >= _LIKELY:
        said += "the best of these tries is more likely below the median than above it on other "
        return f"{said}bars. Choosing by these figures is worth nothing."
    if chance >= _COIN:
        said += "the best of these tries is often below the median on other bars. Its lead is "
        return f"{said}weak evidence."
    return f"{said}the best of these tries mostly stays above the median on other bars."
