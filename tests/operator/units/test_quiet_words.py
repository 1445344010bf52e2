"""Words of others that differ in numbers and names alone are written once, not in every round."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_operator.complaints import Complaint
from clm_operator.mirror.objects import Job, Version
from clm_operator.names import LABEL_REPLAY
from clm_operator.replays.outcome import latest_of
from clm_operator.view import Withheld
from tests.operator.units import builders as b

ROUNDS = 50
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def suffix(number: int) -> str:
    """Return the end of a pod's name as Kubernetes makes it, another one for each number."""
    return "".join(LETTERS[(number * factor + 3) % len(LETTERS)] for factor in (1, 2, 4, 5, 7))


@dataclass(frozen=True)
class Row:
    name: str
    job: Callable[[str, int], Job]
    """By its name, in each round."""
    withheld: Callable[[int], Withheld | None] = lambda _: None


def _warned(words: Callable[[int], str]) -> Callable[[str, int], Job]:
    return lambda name, number: replace(b.job(name), warning=Complaint("Odd", words(number)))


def _complaining(words: Callable[[int], str]) -> Callable[[str, int], Job]:
    return lambda name, number: b.job(
        name, b.pod("Pending", complaint=Complaint("Odd", words(number)))
    )


def _suspended(name: str, number: int) -> Job:
    return replace(
        b.job(name, suspend=True), warning=Complaint("Stopped", f"{number} of 9 are before it")
    )


ROWS = [
    Row("a quota and what is used of it", _warned(
        lambda n: f'Error creating: pods "other-{suffix(n)}" is forbidden: exceeded quota: q, '
                  f"used: cpu={n}, limited: cpu=18")),
    Row("a webhook and its request's id", _warned(
        lambda n: f"admission webhook denied the request (id 7f{n:010x}, after {n} ms)")),
    Row("a scheduler and its nodes", _complaining(
        lambda n: f"0/{n} nodes are available: {n} Insufficient cpu")),
    Row("a kubelet and the pod that it starts again", _complaining(
        lambda n: f"CrashLoopBackOff: back-off {n}s restarting failed container=proxy "
                  f"pod=btc-29410920-{suffix(n)}_ns")),
    Row("a queue and its length", _suspended),
    Row("a store that lends no keys", _complaining(lambda _: "CreateContainerConfigError: x"),
        lambda n: Withheld(Reason.STORAGE_UNAVAILABLE, f"no answer for {n} s")),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
def test_a_run_that_waits_is_written_once(row: Row) -> None:
    version, messages = b.version(status={"phase": "Pending", "stage": "TRAINING"}), set()
    for number in range(ROUNDS):
        held = {"btc-1": why} if (why := row.withheld(number)) else {}
        seen = b.seen(version, jobs={"btc-1": row.job("btc-1", number)}, withheld=held)
        status = b.came_of(version, seen, b.settings()).status
        messages.add(status.message)
        version = Version.read(version.raw | {"status": b.plain(status)})
    assert len(messages) == 1
    assert messages != {""}


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
def test_a_replay_that_waits_is_written_once(row: Row) -> None:
    name, slot = "btc-29410920-e", int(b.NOW.timestamp()) // 60
    status: dict[str, Any] = {"name": name, "slot": b.stamp(b.NOW), "phase": "Running"}
    messages = set()
    for number in range(ROUNDS):
        job = row.job(name, number)
        job.raw["metadata"]["labels"] = {LABEL_REPLAY: str(slot)}
        held = {name: why} if (why := row.withheld(number)) else {}
        owner = b.schedule_object(status={"replay": status})
        seen = b.seen(schedule=owner, replays={name: job}, withheld=held)
        found = latest_of(b.facts(seen), seen.findings).status
        assert found is not None
        messages.add(found.message)
        status = b.plain(found)
    assert len(messages) == 1
    assert messages != {""}
