"""The page of one schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clm_api.production import Period, periods, rollback_target
from clm_api.schedule_status import SkippedRange, TrainingScheduleStatus
from clm_cli.cluster import ScheduleView, VersionView
from clm_cli.dashboard.files import Wanted
from clm_cli.dashboard.pages import lights
from clm_cli.dashboard.pages.earning import Earning, earning
from clm_cli.dashboard.pages.earning import wanted as earning_files
from clm_cli.dashboard.pages.gates import Gate, gates
from clm_cli.dashboard.pages.life import life, life_text
from clm_cli.dashboard.pages.lights import Production
from clm_cli.dashboard.pages.rows import Condition, Run, condition, run
from clm_cli.dashboard.pages.words import Light, Tone, When, maybe_when, when
from clm_cli.dashboard.paths import schedule_topic, version_path
from clm_cli.dashboard.plots.timeline import timeline
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import MOST_VERSIONS, Key, World
from clm_cli.screen import slots_ahead, trouble

SHOWN = 60
"""Versions that time line and small multiples show."""
_LISTED, _SLOTS = 20, 3
_WATCHED = {"Stale": ("age", "True"), "Executed": ("fills", "False")}
"""Conditions of what is in production: how they are called, and which status is trouble."""


@dataclass(frozen=True)
class Past:
    """A time in production, or one in which it was empty."""

    version: str
    link: str
    since: When
    to: When | None
    by: str
    reason: str


@dataclass(frozen=True)
class Skip:
    """Slots that never ran."""

    first: When
    last: When
    count: int
    reason: str
    message: str


@dataclass(frozen=True)
class Held:
    """A run that can't be made."""

    name: str
    since: When
    reason: str
    message: str


@dataclass(frozen=True)
class Offers:
    """What a person may ask of the schedule.

    Parameters
    ----------
    halt
        The version that would leave production; empty where nothing is there.
    back
        The version that a rollback would bring; empty where none is left.
    """

    run: bool
    halt: str
    back: str


@dataclass(frozen=True)
class Schedule:
    """All that the page shows.

    Parameters
    ----------
    more, more_words
        Address that lists more runs, and how many these are; empty where they are listed.
    older
        What is said of runs that no page lists; empty where there are none.
    """

    key: Key
    name: str
    namespace: str
    family: str
    symbols: str
    timeframe: str
    rhythm: str
    suspended: bool
    trouble: str
    notes: Sequence[str]
    slots: Sequence[When]
    production: Production | None
    production_link: str
    promise: Light
    drift: Light
    watched: Sequence[tuple[str, Light]]
    queue: Light | None
    earning: Earning
    timeline: Markup | None
    life: str
    gates: Sequence[Gate]
    runs: Sequence[Run]
    more: str
    more_words: str
    older: str
    unreadable: Sequence[str]
    past: Sequence[Past]
    skipped: Sequence[Skip]
    held: Sequence[Held]
    conditions: Sequence[Condition]
    offers: Offers


def topics(_world: World, query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (schedule_topic(query.key),)


def wanted(world: World, query: Query) -> tuple[Wanted, ...]:
    """Return the files of the store that the page shows."""
    view = world.schedules.get(query.key)
    return earning_files(view, query.key) if view else ()


def page(world: World, query: Query) -> Schedule:
    """Return what is to be said of a schedule.

    Raises
    ------
    NotShownError
        There is no such schedule.
    """
    key = query.key
    if (view := world.schedules.get(key)) is None:
        raise NotShownError(f"There is no TrainingSchedule {key.name} in {key.namespace}.")
    versions, status, spec = world.versions.get(key, ()), view.status, view.spec
    newest, slots = versions[:SHOWN], slots_ahead(view, _SLOTS)
    there, whole = lights.production(status, world), bool(query.first("all"))
    line = life(world, status, newest, slots)
    older = max(world.counts.get(key, 0) - MOST_VERSIONS, 0)
    return Schedule(
        key=key,
        name=key.name,
        namespace=key.namespace,
        family=lights.family(view),
        symbols=" ".join(spec.data.symbols) if spec else "",
        timeframe=spec.data.timeframe if spec else "",
        rhythm=status.schedule_text or "",
        suspended=spec is not None and spec.suspend,
        trouble=trouble(view, world.now),
        notes=status.schedule_notes,
        slots=[when(slot, world.now) for slot in slots],
        production=there,
        production_link=_link(key, there.version if there else ""),
        promise=lights.promise(status),
        drift=lights.drift(status),
        watched=list(_watched(status)),
        queue=lights.waiting(view, world.unfinished.get(key, ())),
        earning=earning(view, query),
        timeline=timeline(line, life_text(line, newest)) if newest or status.skipped else None,
        life=life_text(line, newest),
        gates=gates(newest),
        runs=[run(v, world) for v in (versions if whole else versions[:_LISTED])],
        more=query.address(all="1") if len(versions) > _LISTED and not whole else "",
        more_words=f"{'the newest' if older else 'all'} {len(versions)} versions",
        older=f"{older} older versions are not shown here: kubectl get mv lists them."
        if older and whole
        else "",
        unreadable=[
            f"{u.key.name} can't be read: {u.problem}" for u in world.unreadable.get(key, ())
        ],
        past=[_past(world, key, p) for p in reversed(periods(status))],
        skipped=[_skip(world, s) for s in reversed(status.skipped)],
        held=[Held(h.name, when(h.since, world.now), h.reason, h.message) for h in status.held],
        conditions=[condition(c, world) for c in status.conditions],
        offers=_offers(view, versions),
    )


def _link(key: Key, version: str) -> str:
    return version_path(Key(key.namespace, version)) if version else ""


def _watched(status: TrainingScheduleStatus) -> Iterator[tuple[str, Light]]:
    """Yield what else is watched of production: its age, and the account's fills."""
    for said in status.conditions:
        if said.type in _WATCHED:
            name, bad = _WATCHED[said.type]
            tone = Tone.WARN if said.status == bad else Tone.GOOD
            yield name, Light(said.reason, tone, said.message)


def _past(world: World, key: Key, period: Period) -> Past:
    name, now = period.version or "", world.now
    since, to = when(period.since, now), maybe_when(period.to, now)
    return Past(name, _link(key, name), since, to, period.by, period.reason)


def _skip(world: World, skipped: SkippedRange) -> Skip:
    first, last = when(skipped.from_, world.now), when(skipped.to, world.now)
    return Skip(first, last, skipped.count, skipped.reason, skipped.message)


def _offers(view: ScheduleView, versions: Sequence[VersionView]) -> Offers:
    status = view.status
    back = rollback_target(status, {version.name for version in versions}) or ""
    there = status.production.version if status.production else ""
    return Offers(run=view.spec is not None, halt=there, back=back)
