"""What is a request, which subjects bind it, which settings can work."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from clm_api.run_request import MOST_BYTES, RunRequest
from clm_operator.edge.requests import Dead, Refusal, mismatch, request_of, wait_s
from clm_operator.request_settings import RequestSettings
from tests.support.repository import ROOT

Raw = dict[str, Any]
GOOD = {"schedule": "btc.1h-x", "namespace": "team-a", "token": "1"}
SCHEMA = Draft202012Validator(json.loads(Path(ROOT, "crds/requests/run.json").read_text()))


MESSAGES: list[tuple[str, Raw, str]] = [
    ("a request without a reason", GOOD, "taken"),
    ("one with a reason", GOOD | {"reason": "new fees"}, "taken"),
    ("a token of any characters", GOOD | {"token": "\u0000 ü 🙂\n"}, "taken"),
    ("the longest that there is", GOOD | {"token": "🙂" * 256, "reason": "🙂" * 512}, "taken"),
    ("a number as token", GOOD | {"token": 1}, "refused"),
    ("no reason at all", GOOD | {"reason": None}, "refused"),
    ("an unknown field", GOOD | {"stage": "PRODUCTION"}, "refused"),
    ("a name with a line end", GOOD | {"schedule": "btc\nx"}, "refused"),
    ("a namespace with a dot", GOOD | {"namespace": "a.b"}, "refused"),
    ("a namespace of capitals", GOOD | {"namespace": "A"}, "refused"),
    ("a name that is too long", GOOD | {"schedule": "x" * 53}, "refused"),
    ("nothing", {}, "refused"),
]


@pytest.mark.parametrize(
    ("message", "fate"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES]
)
def test_the_schema_and_the_operator_take_the_same_messages(message: Raw, fate: str) -> None:
    body = json.dumps(message).encode()
    assert isinstance(request_of(body), RunRequest) is (fate == "taken")
    assert SCHEMA.is_valid(message) is (fate == "taken")
    assert len(body) <= MOST_BYTES, "the longest request is taken, however it is written"


def test_a_message_that_no_request_can_be_is_not_read() -> None:
    found = request_of(json.dumps(GOOD).encode() + b" " * MOST_BYTES)
    assert isinstance(found, Dead)
    assert found.reason is Refusal.TOO_LARGE


SUBJECTS = [
    ("any namespace", "clm.requests.>", "clm.requests.team-b.x", "taken"),
    ("the subject names the namespace", "clm.requests.*.>", "clm.requests.team-a.x", "taken"),
    ("it names another one", "clm.requests.*.>", "clm.requests.team-b.x", "refused"),
    ("it names it last", "clm.*", "clm.team-a", "taken"),
]


@pytest.mark.parametrize(
    ("pattern", "subject", "fate"), [r[1:] for r in SUBJECTS], ids=[r[0] for r in SUBJECTS]
)
def test_a_star_in_the_subject_binds_the_namespace(pattern: str, subject: str, fate: str) -> None:
    request = RunRequest.model_validate(GOOD)
    assert (mismatch(request, subject, pattern) is None) is (fate == "taken")


SETTINGS: list[tuple[str, Raw, str]] = [
    ("letters that come back", {"deadLetter": "clm.requests.dead"}, "would come back"),
    ("letters that come back deeper", {"deadLetter": "clm.requests.a.b"}, "would come back"),
    ("letters that a star takes", {"subject": "clm.*", "deadLetter": "clm.dead"}, "would come"),
    ("letters on a pattern", {"deadLetter": "clm.dead.>"}, "deadLetter"),
    ("two stars", {"subject": "clm.*.*"}, "set no other"),
    ("a stream with a dot", {"stream": "a.b"}, "stream"),
    ("a subject with a space", {"subject": "a b"}, "subject"),
]


@pytest.mark.parametrize(
    ("values", "words"), [r[1:] for r in SETTINGS], ids=[r[0] for r in SETTINGS]
)
def test_settings_that_cant_work_are_refused(values: Raw, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RequestSettings.model_validate(values)


@pytest.mark.parametrize(
    ("subject", "letter"),
    [("clm.requests.>", "clm.requests"), ("clm.*", "clm.a.b"), ("a.b", "a.c")],
)
def test_letters_elsewhere_are_fine(subject: str, letter: str) -> None:
    assert RequestSettings(subject=subject, dead_letter=letter).dead_letter == letter


def test_what_waits_is_tried_ever_more_rarely() -> None:
    assert [wait_s(n) for n in (1, 2, 3, 7, 1000)] == [1, 2, 4, 60, 60]
