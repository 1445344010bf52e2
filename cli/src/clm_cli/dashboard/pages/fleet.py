"""The page of all schedules."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clm_cli.cluster import ScheduleView
from clm_cli.dashboard.pages import lights
from clm_cli.dashboard.pages.lights import Production
from clm_cli.dashboard.pages.words import STAGES, Light, When, maybe_when
from clm_cli.dashboard.paths import ALL_SCHEDULES, schedule_path, version_path
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key, Kind, World
from clm_cli.screen import trouble

PER_PAGE = 50
_LATER = datetime.max.replace(tzinfo=UTC)
STATES = {
    "trouble": "in trouble",
    "held": "held back",
    "queued": "queued",
    "running": "running",
    "degraded": "degraded",
    "drifted": "drifted",
    "halted": "halted",
    "production": "in production",
    "empty": "nothing in production",
    "suspended": "suspended",
}
"""What a schedule can be filtered by, and how it is called."""


@dataclass(frozen=True)
class Row:
    """A schedule."""

    name: str
    namespace: str
    link: str
    family: str
    symbols: str
    rhythm: str
    next: When | None
    next_words: str
    verdict: Light | None
    verdict_link: str
    production: Production | None
    production_link: str
    promise: Light
    drift: Light
    queue: Light | None
    trouble: str
    running: int


@dataclass(frozen=True)
class Count:
    """How many schedules are in a state, and the address that shows them alone."""

    state: str
    words: str
    count: int
    link: str
    chosen: bool


@dataclass(frozen=True)
class Choice:
    """One value of a filter."""

    value: str
    words: str
    chosen: bool


@dataclass(frozen=True)
class Heading:
    """A column, the address that sorts by it, and which way it is sorted now."""

    words: str
    link: str
    sorted: str


@dataclass(frozen=True)
class Fleet:
    """All that the page shows.

    Parameters
    ----------
    ready
        Schedules that work as they should.
    empty
        What to do where no row is shown; empty where some are.
    """

    total: int
    shown: int
    ready: int
    counts: Sequence[Count]
    rows: Sequence[Row]
    headings: Sequence[Heading]
    text: str
    sort: str
    namespaces: Sequence[Choice]
    families: Sequence[Choice]
    states: Sequence[Choice]
    page: int
    pages: int
    earlier: str
    later: str
    everything: str
    empty: str


@dataclass(frozen=True)
class _Seen:
    """A schedule with what it is found and sorted by."""

    key: Key
    view: ScheduleView
    family: str
    trouble: str
    states: frozenset[str]


def topics(_world: World, _query: Query) -> tuple[str, ...]:
    """Return what the page shows."""
    return (ALL_SCHEDULES,)


def page(world: World, query: Query) -> Fleet:
    """Return the schedules that the address asks for."""
    seen = [_seen(world, key, view) for key, view in world.schedules.items()]
    found = [one for one in seen if _wanted(one, query)]
    sort = query.first("sort") if query.first("sort").lstrip("-") in _SORTED else "name"
    found.sort(key=lambda one: one.key)
    found.sort(key=_SORTED[sort.lstrip("-")], reverse=sort.startswith("-"))
    pages = max(1, -(-len(found) // PER_PAGE))
    number = _number(query.first("page"), pages)
    shown = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    counted = Counter(state for one in seen for state in one.states)
    return Fleet(
        total=len(seen),
        shown=len(found),
        ready=sum(not one.trouble and not one.states & _UNWELL for one in seen),
        counts=_counts(counted, query),
        rows=[_row(world, one) for one in shown],
        headings=_headings(query, sort),
        text=query.first("q"),
        sort=sort if sort != "name" else "",
        namespaces=_choices({one.key.namespace for one in seen}, query.first("namespace")),
        families=_choices({one.family for one in seen}, query.first("family")),
        states=_choices(STATES, query.first("state"), STATES),
        page=number,
        pages=pages,
        earlier=query.address(page=str(number - 1)) if number > 1 else "",
        later=query.address(page=str(number + 1)) if number < pages else "",
        everything=query.path,
        empty="" if shown else _what_to_do(world, len(seen)),
    )


_UNWELL = frozenset({"held", "degraded", "drifted", "halted"})


def _seen(world: World, key: Key, view: ScheduleView) -> _Seen:
    status = view.status
    why = trouble(view, world.now)
    queued = not lights.WAITING.isdisjoint(world.queue_states.get(key, ()))
    facts = {
        "trouble": bool(why),
        "held": bool(status.held),
        "queued": queued,
        "running": bool(status.active),
        "degraded": lights.is_degraded(status),
        "drifted": lights.is_drifted(status),
        "halted": status.halted is not None,
        "production": status.production is not None,
        "empty": status.production is None,
        "suspended": view.spec is not None and view.spec.suspend,
    }
    states = frozenset(name for name, holds in facts.items() if holds)
    return _Seen(key, view, lights.family(view), why, states)


def _wanted(one: _Seen, query: Query) -> bool:
    namespace, family, state = (query.first(name) for name in ("namespace", "family", "state"))
    if namespace and one.key.namespace != namespace:
        return False
    if family and one.family != family:
        return False
    if state in STATES and state not in one.states:
        return False
    text = query.first("q").lower().split()
    return not text or all(word in _searched(one) for word in text)


def _searched(one: _Seen) -> str:
    status, spec = one.view.status, one.view.spec
    there = status.production.version if status.production else ""
    symbols = " ".join(spec.data.symbols) if spec else ""
    last = f"{status.last_run.name} {status.last_run.reason}" if status.last_run else ""
    parts = (one.key.namespace, one.key.name, one.family, symbols, there, last, one.trouble)
    return " ".join(parts).lower()


_SORTED: dict[str, Callable[[_Seen], tuple[object, ...]]] = {
    "name": lambda one: (one.key.name,),
    "family": lambda one: (one.family,),
    "next": lambda one: (one.view.status.next_schedule_time or _LATER,),
    "verdict": lambda one: (_last(one.view), one.view.status.last_run is None),
    "production": lambda one: _earlier(
        one.view.status.production.since if one.view.status.production else None
    ),
    "promise": lambda one: _earned(one.view),
}
_COLUMNS = {
    "name": "schedule",
    "family": "family",
    "next": "next run",
    "verdict": "last verdict",
    "production": "in production",
    "promise": "against its promise",
}


def _last(view: ScheduleView) -> str:
    last = view.status.last_run
    return f"{last.stage} {last.reason}" if last else "~"


def _earlier(time: datetime | None) -> tuple[object, ...]:
    return (time is None, time or _LATER)


def _earned(view: ScheduleView) -> tuple[object, ...]:
    there = view.status.production
    earned = there.live.total_return if there and there.live else None
    return (earned is None, earned or 0.0)


def _headings(query: Query, sort: str) -> tuple[Heading, ...]:
    found = []
    for name, words in _COLUMNS.items():
        way = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
        turned = f"-{name}" if way == "ascending" else name
        found.append(Heading(words, query.address(sort=turned, page=""), way))
    return tuple(found)


def _number(text: str, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    return min(max(1, number), most)


def _choices(
    values: Iterable[str], chosen: str, words: Mapping[str, str] | None = None
) -> tuple[Choice, ...]:
    ordered = values if words else sorted(values)
    return tuple(Choice(v, (words or {}).get(v, v), v == chosen) for v in ordered)


def _counts(counted: Counter[str], query: Query) -> tuple[Count, ...]:
    chosen = query.first("state")
    return tuple(
        Count(
            state,
            words,
            counted[state],
            query.address(state="" if state == chosen else state, page=""),
            state == chosen,
        )
        for state, words in STATES.items()
        if counted[state] or state == chosen
    )


def _what_to_do(world: World, total: int) -> str:
    if total:
        return "No schedule is like that. Show all of them, or look for something else."
    if not world.source(Kind.SCHEDULES).listed and world.sources:
        return "The schedules have not been read yet."
    return "There is no TrainingSchedule yet. Start with: kubectl apply -f examples/xgboost.yaml"


def _row(world: World, one: _Seen) -> Row:
    view, status, spec = one.view, one.view.status, one.view.spec
    there, last = lights.production(status, world), status.last_run
    suspended = spec is not None and spec.suspend
    words = "suspended" if suspended else "" if status.next_schedule_time else "not armed yet"
    return Row(
        name=one.key.name,
        namespace=one.key.namespace,
        link=schedule_path(one.key),
        family=one.family,
        symbols=f"{' '.join(spec.data.symbols)} · {spec.data.timeframe}" if spec else "",
        rhythm=status.schedule_text or "",
        next=None if suspended else maybe_when(status.next_schedule_time, world.now),
        next_words=words,
        verdict=Light(str(last.stage), STAGES[last.stage], last.reason) if last else None,
        verdict_link=version_path(Key(one.key.namespace, last.name)) if last else "",
        production=there,
        production_link=version_path(Key(one.key.namespace, there.version))
        if there and there.version
        else "",
        promise=lights.promise(status),
        drift=lights.drift(status),
        queue=lights.waiting(view, world.unfinished.get(one.key, ())),
        trouble=one.trouble,
        running=len(status.active),
    )
