"""Whatever fails, and whoever is killed when: all of it arrives, in the order of each object."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.events import RunStarted
from clm_api.happening import Happening
from clm_operator.mirror.world import Mirror
from clm_operator.telling.happenings import happening
from clm_operator.telling.outbox import Outbox
from clm_operator.telling.outgoing import Outgoing
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.telling.sinks import AwayError
from tests.operator.units import builders as b
from tests.operator.units.endpoint import Endpoint

OBJECTS = ("btc-1", "btc-2")
STEPS = st.lists(
    st.sampled_from(
        [*(f"happen {name}" for name in OBJECTS), "away", "send", "write down", "kill"]
    ),
    max_size=30,
)


class Life:
    """Objects with their statuses, a sink, and one operator after the other."""

    def __init__(self) -> None:
        self.sink, self.mirror = Endpoint(), Mirror()
        self.stored: dict[str, list[Happening]] = {name: [] for name in OBJECTS}
        self.happened: dict[str, list[str]] = {name: [] for name in OBJECTS}
        self.generation = 1
        self.kill()

    def kill(self) -> None:
        """Another operator takes over, and its rounds look at every object."""
        self.outgoing = Outgoing(
            (Outbox(self.sink, self.mirror, SinkMetrics(), "here", lambda _: None, self._sleep),)
        )
        for name in OBJECTS:
            self._write(name)

    async def _sleep(self, _: float) -> None:
        await asyncio.sleep(0)

    def happen(self, name: str) -> None:
        """Something happens to an object and is written with its status."""
        number = f"n{len(self.happened[name])}"
        self.happened[name].append(f"uid-{name}/{number}")
        one = happening("Normal", number, RunStarted(reason="Said"))
        self.stored[name].append(self.outgoing.addressed(one.having(at=b.NOW)))
        self._write(name)

    def write_down(self) -> None:
        """A round writes who knows what; Kubernetes knows everything."""
        for name, untold in self.stored.items():
            heard = {one.id for one in untold}
            self.stored[name] = self.outgoing.left(f"uid-{name}", untold, heard)
            self._write(name)

    def _write(self, name: str) -> None:
        self.generation += 1
        raw: dict[str, Any] = b.version(name).raw | {"kind": "ModelVersion"}
        raw["metadata"] = raw["metadata"] | {"resourceVersion": str(self.generation)}
        raw["status"] = {"untold": [one.to_json_dict() for one in self.stored[name]]}
        self.mirror.put("ModelVersion", raw)
        self.outgoing.offer(b.KEY, raw, self.stored[name])

    async def send(self, turns: int) -> None:
        """Let the outbox work for a while; then it is cut off, perhaps in the middle."""
        task = asyncio.create_task(self.outgoing.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def live(self, steps: list[str]) -> None:
        """Do what the steps say, then let all be told."""
        for step in steps:
            match step.split():
                case ["happen", name]:
                    self.happen(name)
                case ["away"]:
                    self.sink.answers.append(AwayError("away"))
                case ["send"]:
                    await self.send(5)
                case ["write", "down"]:
                    self.write_down()
                case ["kill"]:
                    self.kill()
        await self.send(500)
        self.write_down()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_all_arrives_in_the_order_of_each_object(steps: list[str]) -> None:
    life = Life()
    asyncio.run(life.live(steps))
    came = defaultdict[str, list[str]](list)
    for identity in dict.fromkeys(life.sink.ids):
        came[identity.partition("/")[0].removeprefix("uid-")].append(identity)
    assert {name: came[name] for name in OBJECTS} == life.happened
    assert life.stored == {name: [] for name in OBJECTS}, "nothing is kept that all know"
    kills = steps.count("kill")
    if not kills:
        assert len(life.sink.ids) == len(set(life.sink.ids)), "only a crash tells anything twice"
