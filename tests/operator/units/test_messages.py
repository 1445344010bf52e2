"""What messages ask for is a run like any other: once, in order, refused on record."""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest

from clm_api.model_version import TriggerType
from clm_api.reasons import Reason
from clm_api.schedule_status import KEPT_TOKENS, TrainingScheduleStatus
from clm_operator.mirror.objects import Version
from clm_operator.names import asked_version, manual_version, slot_version, token_digest
from clm_operator.view import Withheld
from tests.operator.units import builders as b

Raw = dict[str, Any]
FIRST, SECOND = asked_version("btc", "first"), asked_version("btc", "second")
BOTH = ("first", "second")


def asked(*tokens: str) -> list[Raw]:
    """Messages that wait."""
    return [{"token": t, "reason": f"because of {t}", "at": b.stamp(b.NOW)} for t in tokens]


def look(*versions: Version, status: Raw, spec: Raw | None = None, **parts: Any) -> b.Decided:
    """Plan a round of a schedule with that status and no slot that is due."""
    owner = b.schedule_object(status=status, runOnCreate=False, **(spec or {}))
    return b.plan(b.seen(*versions, schedule=owner, **parts), b.settings())


def next_status(made: b.Decided) -> TrainingScheduleStatus:
    assert made.schedule_status is not None
    return made.schedule_status


@dataclass(frozen=True)
class Case:
    name: str
    waiting: tuple[str, ...] = ("first",)
    spec: Raw = field(default_factory=dict)
    versions: tuple[Version, ...] = ()
    found: Raw = field(default_factory=dict)
    makes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    settled: tuple[str, ...] = ("first",)
    refused: str = ""
    words: str = ""


NO = Withheld(Reason.QUOTA_PENDING, "no room")
OF_FIRST = b.version(FIRST, trigger=TriggerType.MESSAGE)
CASES = [
    Case("a message makes a run", makes=(FIRST,)),
    Case("two messages are taken in order, one a round",
         waiting=BOTH, spec={"concurrencyPolicy": "Allow"}, makes=(FIRST,), left=("second",)),
    Case("a suspended schedule runs when a message asks, as by hand",
         spec={"suspend": True}, makes=(FIRST,)),
    Case("a run that was made before the operator was cut off is settled, not made again",
         versions=(OF_FIRST,)),
    Case("beside an active run policy Forbid refuses it, on record",
         versions=(b.version(),), refused="ConcurrencyForbidden",
         words='the run that message "first" asks for was refused: another run is active'),
    Case("policy Replace makes it beside an active run",
         versions=(b.version(),), spec={"concurrencyPolicy": "Replace"}, makes=(FIRST,)),
    Case("a name that belongs to something else refuses it, on record",
         found={"taken": frozenset({FIRST})}, refused="NameCollision", words=FIRST),
    Case("what the API server calls invalid is refused, on record",
         found={"refused": {FIRST: "too long"}}, refused="SpecInvalid", words="too long"),
    Case("one that a quota holds back waits, and those behind it",
         waiting=BOTH, found={"withheld": {FIRST: NO}}, left=BOTH, settled=()),
    Case("messages wait while the spec can't be followed",
         spec={"interval": None, "schedule": "61 * * * *"}, left=("first",), settled=()),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_message_is_a_run_under_the_rules_of_a_run_by_hand(case: Case) -> None:
    status = {"asked": asked(*case.waiting)}
    made = look(*case.versions, status=status, spec=case.spec, **case.found)
    after = next_status(made)
    assert tuple(m["metadata"]["name"] for m in made.create_versions) == case.makes
    assert tuple(one.token for one in after.asked) == case.left
    assert after.settled_tokens == [token_digest(token) for token in case.settled]
    assert [s.reason for s in after.skipped] == ([case.refused] if case.refused else [])
    assert all(case.words in s.message for s in after.skipped)
    assert [h.name for h in after.held] == ([FIRST] if "withheld" in case.found else [])


def test_the_run_says_what_asked_for_it_and_why_and_takes_no_slot_of_the_schedule() -> None:
    made = look(status={"asked": asked("first")})
    (manifest,) = made.create_versions
    assert manifest["spec"]["trigger"] == {"type": "Message", "reason": "because of first"}
    assert OF_FIRST.slot is None


def test_the_newest_tokens_are_remembered() -> None:
    old = [f"{n:016x}" for n in range(KEPT_TOKENS)]
    after = next_status(look(status={"asked": asked("first"), "settledTokens": old}))
    assert after.settled_tokens == [*old[1:], token_digest("first")]


def test_a_slot_a_token_and_a_message_can_all_be_held_at_once() -> None:
    owner = b.schedule_object(status={"asked": asked("first")}, token="friday")
    names = [slot_version("btc", b.NOW), manual_version("btc", "friday"), FIRST]
    made = b.plan(b.seen(schedule=owner, withheld=dict.fromkeys(names, NO)), b.settings())
    assert [h.name for h in next_status(made).held] == names


def test_messages_that_are_refused_in_one_minute_are_told_each() -> None:
    ids = set[str]()
    status: Raw = {"asked": asked(*BOTH)}
    for _ in BOTH:
        made = look(b.version(), status=status)
        status = b.plain(next_status(made)) | {"untold": []}
        ids |= {one.id for one in b.told(made) if one.reason == "ConcurrencyForbidden"}
    assert len(ids) == len(BOTH)
