"""What a message is: a request for a run, or none, and why not."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from clm_api.run_request import MOST_BYTES, RunRequest
from clm_operator.mirror.specs import validation_text

MOST_FAILURES = 3
"""So often a message is tried that fails for no reason that is known."""
_LONGEST_WAIT_S = 60.0


class Refusal(StrEnum):
    """Why a message goes to the dead letters, in one word."""

    NO_REQUEST = "NoRequest"
    """It is no JSON object with the fields of a request."""
    TOO_LARGE = "TooLarge"
    """No request is so long."""
    NAMESPACE_MISMATCH = "NamespaceMismatch"
    """Its subject names another namespace than its body."""
    NAMESPACE_NOT_SERVED = "NamespaceNotServed"
    """This operator does not serve the namespace."""
    SCHEDULE_UNKNOWN = "ScheduleUnknown"
    """There is no such TrainingSchedule, or it is being deleted."""
    NOT_TAKEN = "NotTaken"
    """It failed at every try."""


@dataclass(frozen=True)
class Dead:
    """A message that asks for nothing that can be done."""

    reason: Refusal
    message: str


@dataclass(frozen=True)
class Wait:
    """A message that can't be taken yet."""

    message: str


def request_of(body: bytes) -> RunRequest | Dead:
    """Read a message."""
    if len(body) > MOST_BYTES:
        text = f"the message has {len(body)} bytes, and a request has at most {MOST_BYTES}"
        return Dead(Refusal.TOO_LARGE, text)
    try:
        return RunRequest.model_validate_json(body)
    except ValidationError as error:
        return Dead(Refusal.NO_REQUEST, validation_text(error, "message"))


def mismatch(request: RunRequest, subject: str, pattern: str) -> Dead | None:
    """Hold a request against the part of its subject that names a namespace.

    Parameters
    ----------
    pattern
        What is listened to: a ``*`` in it stands for the namespace.
    """
    parts = pattern.split(".")
    if "*" not in parts:
        return None
    named = subject.split(".")[parts.index("*")]
    if named == request.namespace:
        return None
    text = f'the subject names namespace "{named}", and the message "{request.namespace}"'
    return Dead(Refusal.NAMESPACE_MISMATCH, text)


def wait_s(deliveries: int) -> float:
    """Return how long a message is left alone that could not be taken: 1, 2, 4 … 60 s."""
    return min(2.0 ** min(deliveries - 1, 10), _LONGEST_WAIT_S)
