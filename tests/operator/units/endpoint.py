"""A sink for tables of what an outbox does; real ones have tests of their own."""

import asyncio
from dataclasses import dataclass, field

from clm_api.happening import Sink
from clm_operator.telling.cloudevents import Told


@dataclass
class Endpoint:
    """Takes events, but for those that get an error."""

    answers: list[Exception] = field(default_factory=list)
    took: list[Told] = field(default_factory=list)
    asked: int = 0
    name: Sink = "http"

    async def send(self, event: Told) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.answers:
            raise self.answers.pop(0)
        self.took.append(event)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def ids(self) -> list[str]:
        """What it took: the objects' uids and the happenings' ids."""
        return [event.id for event in self.took]
