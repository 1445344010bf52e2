"""The operator's part in a run, played on the real API server one step per look of the command."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from clm_cli.cluster import RUN_NOW
from tests.cli.namespace import Namespace
from tests.support.proxy import Seen, Verdict

Raw = dict[str, Any]


class Step(Protocol):
    """Builds the object, a version or the schedule, that the operator writes next."""

    def __call__(self, owner: Raw, name: str, *, token: str) -> Raw: ...


@dataclass
class PlayedOperator:
    """Stands in the way of the command: before it reads its schedule, the next step is done.

    A proxy calls ``judge``; so each state is seen once, and nobody waits. A look after the last
    step is refused: a command that overlooks the end fails instead of looking for ever.
    """

    api: Namespace
    schedule: str
    steps: list[Step] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """Different values that the annotation had."""

    def judge(self, seen: Seen) -> Verdict | int:
        """Take a step if the schedule is read."""
        if seen != Seen("GET", self.api.path("TrainingSchedule", self.schedule)):
            return Verdict.PASS
        if not self.steps:
            return HTTPStatus.GONE
        owner = self.api.read("TrainingSchedule", self.schedule)
        token = owner["metadata"]["annotations"][RUN_NOW]
        if token not in self.tokens:
            self.tokens.append(token)
        name = f"{self.schedule}-m-{len(self.tokens)}"
        self.api.put(self.steps.pop(0)(owner, name, token=token))
        return Verdict.PASS
