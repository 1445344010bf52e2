"""``python -m bench.soak.away``: both sinks of events are away for a day of the moved clock.

Schedules run as ever meanwhile, and the operator is killed once. Then the sinks come back. What
they are told is held against the Kubernetes events, which nobody kept back.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nats import connect
from nats.js.api import StreamConfig
from tests.support.event_receiver import EventReceiver
from tests.support.nats_server import NatsServer
from tests.support.ports import eventually, free_port
from tests.support.schedules import schedule

from bench.scale import ROOT, made_result
from bench.scale.admin import Call
from bench.scale.meter import memory_mb, samples
from bench.scale.player import layout_of, put_phase
from bench.scale.progress import say
from bench.soak.hours import stamp
from bench.soak.world import NAMESPACE, SCHEDULES, SoakWorld

Raw = dict[str, Any]
_STREAM, _INTERVAL_H, _LOOK_S, _QUIET_S, _LIMIT_S = "AWAY", 8, 0.2, 2.0, 1200.0
_STEPS = ("scheduled", "started", "ended")
MOST_MB = 20.0
"""What the operator may need for events that wait."""


@dataclass(frozen=True)
class Told:
    """What a sink was told, against what it was to be told."""

    events: int
    lost: int
    made_up: int
    out_of_order: int
    twice: int


@dataclass(frozen=True)
class Result:
    """What was counted.

    Parameters
    ----------
    waited
        Events that waited for each sink when it came back.
    without_mb, with_mb
        Memory of the operator at most, in a day without sinks and in one with both away.
    """

    schedules: int
    hours: int
    waited: int
    without_mb: float
    with_mb: float
    back_s: float
    http: Told
    nats: Told

    @property
    def missed(self) -> list[str]:
        """What is not as it must be."""
        wrong = {
            f"{name} {what}": getattr(told, what)
            for name, told in (("http", self.http), ("nats", self.nats))
            for what in ("lost", "made_up", "out_of_order")
        }
        found = [what for what, count in wrong.items() if count]
        return [*found, *(["memory"] if self.with_mb - self.without_mb > MOST_MB else [])]


class AwayWorld(SoakWorld):
    """The soak's world with sinks that nobody serves yet."""

    events: Raw | None = None

    def config(self, credentials: str = "Static") -> Raw:
        """The operator's configuration, with sinks if there are to be any."""
        return super().config(credentials) | ({"events": self.events} if self.events else {})


@dataclass
class Day:
    """Schedules that run through hours of the moved clock.

    Parameters
    ----------
    played
        Uids of pods that have ended.
    """

    world: AwayWorld
    count: int
    played: set[str]
    runs: int = 0

    def live(self, hours: int, *, kill: bool = False) -> float:
        """Let slots come due one after the other; return the operator's memory at most, in MB.

        Parameters
        ----------
        kill
            Whether the operator is killed between two slots.
        """
        most, slots = 0.0, hours // _INTERVAL_H
        for slot in range(slots):
            self._jump(self.world.hours.now() + timedelta(hours=_INTERVAL_H))
            self.runs += self.count
            self.rest()
            most = max(most, self._memory())
            if kill and slot == slots // 2:
                self.world.kill()
                self.world.start()
        return most

    def rest(self) -> None:
        """Play pods until all runs have ended and the operator asks for nothing."""
        end = time.monotonic() + _LIMIT_S
        while time.monotonic() < end:
            moved = self._play()
            ended = sum(run.ended is not None for run in list(self.world.sight.runs.values()))
            if ended >= self.runs and not moved and self.world.gate.quiet_s() > _QUIET_S:
                return
            time.sleep(_LOOK_S)
        raise AssertionError(f"{ended} of {self.runs} runs have ended")

    def _memory(self) -> float:
        assert self.world.operator is not None
        return memory_mb(self.world.operator.process.pid)["rss_peak_mb"]

    def _jump(self, to: datetime) -> None:
        second = stamp(datetime.now(UTC))
        while self.world.sight.newest_second >= second:
            time.sleep(_LOOK_S)
            second = stamp(datetime.now(UTC))
        self.world.hours.jump(to)

    def _play(self) -> bool:
        """End every pod that is there; every second one fails."""
        todo = [p for uid, p in self.world.sight.there["pods"].items() if uid not in self.played]
        for pod in todo:
            uid, now = pod["metadata"]["uid"], self.world.hours.now()
            self.played.add(uid)
            layout = layout_of(pod)
            fails = int(layout.schedule[-1]) % 2
            if not fails:
                until = now.replace(minute=0, second=0, microsecond=0)
                made = made_result.Made(stamp(until), {}, {"report.html": b"h", "model.ubj": b"m"})
                made_result.put(self.world, layout, uid, made)
            ended = {
                "exitCode": 70 if fails else 0,
                "reason": "Error" if fails else "Completed",
                "startedAt": stamp(now),
                "finishedAt": stamp(now),
            }
            put_phase(self.world, pod, "Failed" if fails else "Succeeded", {"terminated": ended})
        return bool(todo)


def away(repo: Path, start: datetime, count: int, hours: int) -> Result:
    """Live through a day without sinks and one with both away; bring them back and count."""
    began = start.replace(minute=0, second=0, microsecond=0)
    with AwayWorld(repo, began) as world:
        day = Day(world, count, set())
        names = [f"away-{number:03d}" for number in range(count)]
        slots = hours // _INTERVAL_H
        spec = {
            "interval": f"{_INTERVAL_H}h", "runOnCreate": False,
            "retention": {"successfulRuns": slots, "failedRuns": slots},
        }  # fmt: skip
        world.admin.all(Call("POST", SCHEDULES, schedule(n, NAMESPACE, **spec)) for n in names)
        world.start()
        day.rest()
        without = day.live(hours)
        say(f"{count} schedules, {hours} h without sinks: {without:.0f} MB at most")
        world.kill()
        before = _names(world)
        server, port = NatsServer.start(world.folder / "nats"), free_port()
        try:
            asyncio.run(_stream(server))
            server.stop()
            url = f"http://127.0.0.1:{port}/"
            queue = {"servers": [server.url], "stream": _STREAM}
            world.events = {"http": {"url": url}, "nats": queue}
            world.start()
            most = day.live(hours, kill=True)
            waited = eventually(lambda: max(_waiting(world), 0), "events wait")
            say(f"{waited} events wait, {most:.0f} MB at most")
            back = time.monotonic()
            server.resume()
            with EventReceiver(port) as receiver:
                eventually(lambda: _waiting(world) == 0, "all is told", 600)
                took = time.monotonic() - back
                day.rest()
                posted = [
                    (str(e.get_id()), e.get_time(), str(e.get_subject())) for e in receiver.took
                ]
            stored = asyncio.run(_stored(server))
        finally:
            server.stop()
        wanted = _names(world) - before
        return Result(
            count, hours, waited, without, most, round(took, 1),
            compared(posted, wanted), compared(stored, wanted),
        )  # fmt: skip


Event = tuple[str, datetime | None, str]
"""Id, time and subject."""


def compared(events: Sequence[Event], wanted: set[str]) -> Told:
    """Hold what a sink was told against the names of Kubernetes' events."""
    distinct = list(dict.fromkeys(events))
    names = {_name(identity, subject) for identity, _, subject in distinct}
    return Told(
        events=len(distinct),
        lost=len(wanted - names),
        made_up=len(names - wanted),
        out_of_order=_out_of_order(distinct),
        twice=len(events) - len(distinct),
    )


def _name(identity: str, subject: str) -> str:
    """Return the name of the Kubernetes event that tells of the same."""
    digest = hashlib.sha256(unquote(identity).encode()).hexdigest()[:16]
    return f"{subject}.{digest}"


def _out_of_order(events: Iterable[Event]) -> int:
    """How many events came after one of the same object that happened later."""
    latest: dict[str, tuple[datetime | None, int]] = defaultdict(lambda: (None, -1))
    found = 0
    for identity, at, _ in events:
        uid, _, step = identity.partition("/")
        rank = _STEPS.index(step) if step in _STEPS else -1
        before, was = latest[uid]
        late = before is not None and at is not None and at < before
        found += late or (rank >= 0 and rank < was)
        latest[uid] = (at, max(rank, was))
    return found


def _names(world: AwayWorld) -> set[str]:
    return {name for names in world.sight.events.values() for name in names}


def _waiting(world: AwayWorld) -> int:
    """How many events wait for the sink that knows least; -1 while the operator is too busy."""
    assert world.operator is not None
    status, text = world.operator.get("/metrics")
    if status != 200:
        return -1
    found = samples(text)
    return int(max(found[f'clm_events_waiting{{sink="{sink}"}}'] for sink in ("http", "nats")))


async def _stream(server: NatsServer) -> None:
    client = await connect(server.url)
    await client.jetstream().add_stream(StreamConfig(_STREAM, subjects=["clm.events.>"]))
    await client.close()


async def _stored(server: NatsServer) -> list[Event]:
    client = await connect(server.url)
    stream = client.jetstream()
    count = (await stream.stream_info(_STREAM)).state.messages
    found = [
        json.loads((await stream.get_msg(_STREAM, n)).data or b"") for n in range(1, count + 1)
    ]
    await client.close()
    return [(e["id"], datetime.fromisoformat(e["time"]), e["subject"]) for e in found]


def main() -> int:
    """Live through it; exit 1 if anything is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak.away", description=__doc__)
    parser.add_argument("--schedules", type=int, default=300)
    parser.add_argument("--hours", type=int, default=24)
    chosen = parser.parse_args()
    start = datetime.now(UTC) + timedelta(days=2)
    result = away(ROOT, start, chosen.schedules, chosen.hours)
    print(json.dumps(asdict(result), indent=1))
    print(f"missed: {', '.join(result.missed)}" if result.missed else "nothing lost, and in order")
    return 1 if result.missed else 0


if __name__ == "__main__":
    sys.exit(main())
