"""Why a create was refused, how long it is left alone, and what the API server's answer means."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.cluster.api import (
    ApiError,
    ConflictError,
    DeniedError,
    ExistsError,
    ForbiddenError,
    InvalidError,
    typed,
)
from clm_operator.mirror.objects import Key
from clm_operator.round.refusals import Refusals, reason_of
from tests.operator.units import builders as b

DENIED = 'admission webhook "team.example.com" denied the request: Jobs need a cost centre'
POLICY = "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'team' denied request: no"
AWAY = 'Internal error occurred: failed calling webhook "w": connection refused'
QUOTA = 'jobs.batch "btc-1" is forbidden: exceeded quota: team, used: count/jobs.batch=3'
TAKEN = 'jobs.batch "btc-1" already exists'
BUSY = "Operation cannot be fulfilled on resourcequotas: the object has been modified"


@dataclass
class Hands:
    """A clock whose hands are moved."""

    seconds: float = 0.0
    base: datetime = field(default=b.NOW)

    def now(self) -> datetime:
        return self.base + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def answer(status: int, message: str, reason: str = "", **details: int) -> ApiError:
    body = {"kind": "Status", "message": message, "reason": reason, "details": details}
    return typed(status, json.dumps(body), {})


ANSWERS: list[tuple[str, ApiError, type[ApiError]]] = [
    *((f"a webhook that answers {status}", answer(status, DENIED), DeniedError)
      for status in (400, 401, 403, 404, 409, 410, 413, 418, 422, 429, 451, 500, 503)),
    ("a webhook that says the name is taken", answer(409, DENIED, "AlreadyExists"), DeniedError),
    ("a policy that calls it invalid", answer(422, POLICY, "Invalid"), DeniedError),
    ("a policy that forbids it", answer(403, POLICY, "Forbidden"), DeniedError),
    ("a webhook that is down", answer(500, AWAY, "InternalError"), ApiError),
    ("a quota", answer(403, QUOTA, "Forbidden"), ForbiddenError),
    ("a name that is taken", answer(409, TAKEN, "AlreadyExists"), ExistsError),
    ("a quota that is being written", answer(409, BUSY, "Conflict"), ConflictError),
    ("a field that is wrong", answer(422, "spec.x: Invalid value", "Invalid"), InvalidError),
    ("a gateway's page", typed(502, "<html>Bad Gateway</html>", None), ApiError),
    ("JSON that is no status", typed(503, "[1, 2]", {}), ApiError),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "kind"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_what_an_answer_means(error: ApiError, kind: type[ApiError]) -> None:
    assert type(error) is kind


REASONS: list[tuple[str, ApiError | ClmError, str]] = [
    *((name, error, "AdmissionDenied") for name, error, kind in ANSWERS if kind is DeniedError),
    ("a webhook that is down", answer(500, AWAY), "AdmissionUnavailable"),
    ("a quota", answer(403, QUOTA), "QuotaPending"),
    ("a quota that is being written", answer(409, BUSY, "Conflict"), "AdmissionUnavailable"),
    ("a right that lacks", answer(403, 'User "x" cannot create jobs'), "AdmissionDenied"),
    ("too many requests", answer(429, "slow down"), "AdmissionUnavailable"),
    ("no answer at all", ApiError(0, "POST /jobs: TimeoutError()"), "AdmissionUnavailable"),
    ("a store that lends nothing", ClmError(Reason.STORAGE_DENIED, "no"), "StorageDenied"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "reason"), [row[1:] for row in REASONS], ids=[row[0] for row in REASONS]
)
def test_a_refusal_has_a_reason_and_the_servers_words(
    error: ApiError | ClmError, reason: str
) -> None:
    found, words = reason_of(error)
    assert found == reason
    assert error.message in words


@pytest.mark.parametrize(
    ("header", "detail", "seconds"),
    [("7", None, 7), (None, 9, 9), ("7", 9, 7), ("soon", None, None), ("99999999", None, 3600),
     (None, None, None)],
)  # fmt: skip
def test_how_long_the_server_says(
    header: str | None, detail: int | None, seconds: float | None
) -> None:
    body = {"message": "m"} | ({"details": {"retryAfterSeconds": detail}} if detail else {})
    headers = {"Retry-After": header} if header else {}
    assert typed(429, json.dumps(body), headers).retry_after_s == seconds


def test_a_refusal_stands_for_ever_longer_times_and_is_forgotten_once_it_is_made() -> None:
    hands = Hands()
    refusals = Refusals(hands, first_s=5)
    waits = []
    for _ in range(9):
        why = refusals.note(b.KEY, "btc-1", answer(403, QUOTA))
        assert why.until is not None
        waits.append((why.until - hands.now()).total_seconds())
        assert refusals.standing(b.KEY) == {"btc-1": why}
        assert refusals.standing(Key("ns", "other")) == {}
        hands.seconds += waits[-1]
        assert refusals.standing(b.KEY) == {}, "it is tried again"
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    refusals.forget(b.KEY, "btc-1")
    why = refusals.note(b.KEY, "btc-1", answer(403, QUOTA))
    assert why.until == hands.now() + timedelta(seconds=5)


def test_the_servers_own_wait_is_kept_if_it_is_longer() -> None:
    hands = Hands()
    refusals = Refusals(hands, first_s=5)
    why = refusals.note(b.KEY, "btc-1", answer(429, "slow down", retryAfterSeconds=90))
    assert why.until == hands.now() + timedelta(seconds=90)


def test_a_clock_that_is_set_back_prolongs_no_wait() -> None:
    hands = Hands()
    refusals = Refusals(hands, first_s=5)
    refusals.note(b.KEY, "btc-1", answer(503, "away"))
    hands.base -= timedelta(days=30)
    hands.seconds = 5
    assert refusals.standing(b.KEY) == {}


def test_a_namespace_is_short_of_room_for_a_minute_or_until_a_job_is_made() -> None:
    hands = Hands()
    refusals = Refusals(hands, first_s=5)
    assert not refusals.short("ns")
    refusals.note_short("ns")
    assert refusals.short("ns")
    assert not refusals.short("elsewhere")
    hands.seconds = 60
    assert not refusals.short("ns")
    refusals.note_short("ns")
    refusals.note_room("ns")
    assert not refusals.short("ns")
