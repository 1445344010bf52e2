"""What is wrong with what was seen: slots, ends, doubles. It shares no code with the operator."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.soak.hours import stamp
from bench.soak.sight import Life, Run, Sight
from bench.soak.slots import floor_minute

_NEVER, _ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Finding:
    """One fault."""

    kind: str
    about: str
    text: str


KINDS = (
    "a slot without a version or a record",
    "a slot twice",
    "a record of no slot",
    "a record without an event",
    "an end without an event",
    "an event twice",
    "a second Job",
    "a run that never ended",
    "files of a version that is gone",
    "a tombstone",
    "growth",
    "a fault of the soak itself",
)


class Rests:
    """Moments at which everything was at rest.

    Between two of them nobody can tell whether an edit or a deletion came before a slot.

    Parameters
    ----------
    wrong
        From when until when the operator's clock was wrong: it saw an edit at another time.
    """

    def __init__(
        self, at: Sequence[datetime], wrong: Sequence[tuple[datetime, datetime]] = ()
    ) -> None:
        self._at, self._wrong = at, wrong

    @property
    def last(self) -> datetime | None:
        """The last one."""
        return self._at[-1] if self._at else None

    def is_right(self, at: datetime) -> bool:
        """Whether the operator's clock was right from the rest before to the rest after."""
        first, last = self.before(at), self.after(at)
        return all(last < begin or end < first for begin, end in self._wrong)

    def before(self, at: datetime) -> datetime:
        """The last one before an instant."""
        place = bisect_left(self._at, at)
        return self._at[place - 1] if place else _NEVER

    def after(self, at: datetime) -> datetime:
        """The first one from an instant on."""
        place = bisect_left(self._at, at)
        return self._at[place] if place < len(self._at) else _ALWAYS


def expected(life: Life, rests: Rests, end: datetime) -> Iterator[tuple[datetime, bool]]:
    """Yield a schedule's slots, and whether each must be on record; else it may be."""
    edits = [at for at, _ in life.timings] + [min(life.gone or end, end)]
    for number, (since, timing) in enumerate(life.timings):
        until = edits[number + 1]
        sure_from = since if number == 0 else rests.after(since)
        is_gone = number + 1 == len(life.timings) and life.gone is not None
        sure_until = rests.before(until) if is_gone or not rests.is_right(until) else until
        for slot in timing.between(since, until, life.created):
            yield slot, sure_from <= slot <= sure_until


def check(
    sight: Sight, rests: Rests, manifests: Iterable[str], tombstones: Iterable[str]
) -> list[Finding]:
    """Return all that is wrong.

    Parameters
    ----------
    manifests, tombstones
        Keys in the store.
    """
    if (end := rests.last) is None:
        return [Finding("a fault of the soak itself", "", "nothing ever came to rest")]
    found: list[Finding] = []
    for life in sight.lives.values():
        runs = [run for run in sight.runs.values() if run.life == life.uid]
        found += _slots(life, runs, rests, end)
        found += _records(sight, life)
    for run in sight.runs.values():
        found += _ends(sight, run)
    for (uid, reason, message), names in sight.events.items():
        if len(names) > _times(sight, uid, reason):
            found.append(Finding("an event twice", uid, f"{reason}: {message}"))
    for owner, jobs in sight.jobs_of.items():
        if len(jobs) > 1:
            found.append(Finding("a second Job", owner, f"{len(jobs)} Jobs"))
    return [*found, *_store(sight, manifests, tombstones)]


def _times(sight: Sight, uid: str, reason: str) -> int:
    """How often something happened: only what is said of every promotion may happen again."""
    return max(len(sight.runs[uid].promoted), 1) if reason == "NotSignificant" else 1


def _slots(life: Life, runs: list[Run], rests: Rests, end: datetime) -> Iterator[Finding]:
    slots = list(expected(life, rests, end))
    versions = Counter(run.slot for run in runs if not run.by_hand)
    ranges = sorted(life.skipped)
    about = f"{life.name} {life.uid[:8]}"
    for slot, surely in slots:
        records = sum(first <= slot <= last for first, last, _, _ in ranges)
        records += slot in life.held
        if surely and not versions[slot] and not records:
            yield Finding("a slot without a version or a record", about, stamp(slot))
        if versions[slot] + records > 1:
            told = f"{stamp(slot)}: {versions[slot]} versions, {records} records"
            yield Finding("a slot twice", about, told)
    known = {slot for slot, _ in slots} | {floor_minute(life.created)}
    for slot in versions.keys() - known:
        if slot <= end:
            yield Finding("a record of no slot", about, f"a version of {stamp(slot)}")


def _records(sight: Sight, life: Life) -> Iterator[Finding]:
    told = [(reason, text) for uid, reason, text in sight.events if uid == life.uid]
    for first, last, count, reason in life.skipped:
        span = f"{first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}"
        if not any(why == reason and span in text for why, text in told):
            yield Finding("a record without an event", life.name, f"{count} slots {span}: {reason}")


def _ends(sight: Sight, run: Run) -> Iterator[Finding]:
    gone = sight.lives[run.life].gone if run.life in sight.lives else None
    if run.ended is None:
        if gone is None and not run.gone:
            phase = run.last.get("status", {}).get("phase")
            if phase != "Running":
                yield Finding("a run that never ended", run.name, f"its phase is {phase}")
        return
    reason, stage = run.ended
    told = [text for uid, why, text in sight.events if (uid, why) == (run.uid, reason)]
    if not any(text.startswith(f"{stage}: ") for text in told):
        yield Finding("an end without an event", run.name, f"{stage}, {reason}")


def _store(sight: Sight, manifests: Iterable[str], tombstones: Iterable[str]) -> Iterator[Finding]:
    alive = {run.uid for run in sight.runs.values() if not run.gone}
    lives = {life.name for life in sight.lives_now()}
    runs = {run.uid: run for run in sight.runs.values()}
    for key in manifests:
        name, uid = key.split("/")[2:4]
        ours = uid in runs and sight.lives[runs[uid].life].gone is None
        if uid not in alive and name in lives and ours:
            yield Finding("files of a version that is gone", name, key)
    for key in tombstones:
        yield Finding("a tombstone", "", key)
