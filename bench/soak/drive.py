"""From one interesting moment to the next: the clock jumps once all has come to rest."""

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bench.scale.progress import say
from bench.soak.amounts import sample
from bench.soak.deeds import OUTAGES, Deeds
from bench.soak.growth import Sample
from bench.soak.hours import stamp
from bench.soak.pods import Pods
from bench.soak.sight import ENDED
from bench.soak.story import Incident
from bench.soak.world import SoakWorld

_LOOK_S, _QUIET_S, _PATIENCE_S, _LIMIT_S = 0.03, 0.25, 6.0, 40.0
_LATE_S = (1, 25)
_AGAIN = timedelta(hours=6)
_FIRST = ("api", "cut")
"""Ended first: whoever undoes something else needs the API server."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_REPLAYS = timedelta(days=1)


@dataclass
class Drive:
    """One soak.

    Parameters
    ----------
    rests
        When all was at rest, with an operator that worked and whose clock was right.
    wrong
        From when until when its clock was wrong.
    """

    world: SoakWorld
    pods: Pods
    deeds: Deeds
    until: datetime
    draw: Random
    rests: list[datetime] = field(default_factory=list)
    wrong: list[tuple[datetime, datetime]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    moments: int = 0
    restless: int = 0
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _undo: list[Callable[[], None]] = field(default_factory=list)
    _looked: datetime = _NEVER
    """What was not done by then is waited for no more."""
    _lasting: set[str] = field(default_factory=set)

    def run(self, incidents: list[Incident]) -> None:
        """Live through it all."""
        start = self.world.hours.now()
        for incident in incidents:
            self._plan(incident.at, self._begins(incident))
        days = (self.until - start).days
        for day in range(1, days + 1):
            self._plan(start + timedelta(days=day) - timedelta(minutes=5), self._sample(day))
        while (at := self._next()) < self.until:
            self._jump(at)
            while self._agenda and self._agenda[0][0] <= self.world.hours.now():
                heapq.heappop(self._agenda)[2]()
            self._settle()
            self.moments += 1
        self._last_rest()

    def _plan(self, at: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), action))

    def _next(self) -> datetime:
        """The next moment at which something is to happen."""
        now = self.world.hours.now()
        times = [self._agenda[0][0]] if self._agenda else [self.until]
        times += [p.ends for p in self.pods.playing() if p.ends > now]
        for life in self.world.sight.lives_now():
            slots = life.timings[-1][1].between(now, now + _REPLAYS, life.created)
            late = timedelta(seconds=self.draw.randint(*_LATE_S))
            times += [slot + late for slot in slots[:1]]
        return max(min(times), now)

    def _jump(self, to: datetime) -> None:
        hours, second = self.world.hours, stamp(datetime.now(UTC))
        while self.world.sight.newest_second >= second:
            time.sleep(_LOOK_S)
            second = stamp(datetime.now(UTC))
        if to > hours.now():
            self.pods.say(to)
            hours.jump(to)

    def _begins(self, incident: Incident) -> Callable[[], None]:
        def begin() -> None:
            kind, world = incident.kind, self.world
            busy = kind in self._lasting or not world.has_api
            if busy or (kind == "kill" and not world.works):
                self._plan(world.hours.now() + _AGAIN, begin)
                return
            say(f"{stamp(world.hours.now())} {kind} {incident.name} {incident.what}")
            undo = self.deeds.do(incident)
            if kind == "clock":
                self.wrong.append((world.hours.now(), datetime.max.replace(tzinfo=UTC)))
            if kind == "kill" and undo is not None and not incident.lasts:
                self._settle()
                undo()
            elif undo is not None:
                self._lasting |= {kind} & OUTAGES
                self._undo.insert(0 if kind in _FIRST else len(self._undo), undo)
                self._plan(world.hours.now() + incident.lasts, self._ends(incident, undo))

        return begin

    def _ends(self, incident: Incident, undo: Callable[[], None]) -> Callable[[], None]:
        def end() -> None:
            reaches = self.world.has_api or incident.kind == "api"
            if not reaches or (incident.kind == "kill" and self.world.gate.is_cut):
                self._plan(self.world.hours.now() + _AGAIN, end)
                return
            self._undo.remove(undo)
            undo()
            self._lasting.discard(incident.kind)
            if incident.kind == "clock":
                self.wrong[-1] = (self.wrong[-1][0], self.world.hours.now())
            say(f"{stamp(self.world.hours.now())} {incident.kind} is over")

        return end

    def _sample(self, day: int) -> Callable[[], None]:
        def take() -> None:
            if self.world.works and self.world.has_store:
                self._settle()
                self.samples.append(sample(self.world, day))
                say(f"day {day}: {self.samples[-1]}")

        return take

    def _settle(self) -> bool:
        """Let pods and operator go on until they rest; return whether they do."""
        world, began = self.world, time.monotonic()
        while (spent := time.monotonic() - began) < _LIMIT_S:
            moved = world.has_api and self.pods.step()
            if not world.works:
                if not moved and spent > _QUIET_S:
                    return False
            elif not moved and min(world.gate.quiet_s(), spent) > _QUIET_S:
                patience_s = _PATIENCE_S if world.has_store else _QUIET_S
                if not (owes := self._owes()) or spent > patience_s:
                    self._looked = world.hours.now()
                    if not owes and world.hours.is_right and world.has_store:
                        self.rests.append(self._looked)
                    elif spent > _PATIENCE_S:
                        say(f"{stamp(self._looked)} still to do: {', '.join(owes)}")
                    return True
            time.sleep(_LOOK_S)
        self.restless += 1
        say(f"{stamp(world.hours.now())} no rest within {_LIMIT_S:g} s")
        return False

    def _owes(self) -> list[str]:
        """What the operator still has to do, as far as can be told from outside."""
        sight, now = self.world.sight, self.world.hours.now()
        late = [life.name for life in sight.lives_now() if sight.undecided(life, now, self._looked)]
        pods = {
            pod["metadata"].get("labels", {}).get("job-name"): pod.get("status", {}).get("phase")
            for pod in list(sight.there["pods"].values())
        }
        alive = {life.uid for life in sight.lives_now()}
        for run in list(sight.runs.values()):
            if run.gone or run.life not in alive or run.ended is not None:
                continue
            phase = pods.get(run.name)
            if phase in (None, "Pending", *ENDED):
                late.append(run.name)
        return late

    def _last_rest(self) -> None:
        """Undo what lasts, let all runs that were begun go on, and rest."""
        for undo in list(self._undo):
            self._undo.remove(undo)
            undo()
        end = time.monotonic() + 120
        while time.monotonic() < end:
            before = len(self.rests)
            if self._settle() and len(self.rests) > before:
                return
        say("no last rest")
