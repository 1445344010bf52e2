"""Conditions in the shape of metav1, set without touching what did not change."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from clm_api.base import Cut, Instant, StatusModel, Text

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(StatusModel):
    """One observation about a resource."""

    type: Annotated[str, Field(max_length=316)]
    """What is observed."""
    status: ConditionStatus
    """Whether it holds."""
    reason: Annotated[str, Cut(1024)]
    """Why, in one CamelCase word."""
    message: Text = ""
    """Why, and what to do, as a sentence."""
    last_transition_time: Instant
    """When the status last flipped."""


class SpecCondition(Condition):
    """One observation that depends on the spec; what was run does not change with a request."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that was looked at."""


_C = TypeVar("_C", bound=Condition)


def set_conditions(present: Iterable[_C], wanted: Iterable[_C]) -> tuple[_C, ...]:
    """Lay ``wanted`` over ``present``; a transition time changes only when a status flips."""
    before = {c.type: c for c in present}
    for condition in wanted:
        old = before.get(condition.type)
        if old is not None and old.status == condition.status:
            since = old.last_transition_time
            before[condition.type] = condition.having(last_transition_time=since)
        else:
            before[condition.type] = condition
    return tuple(before[key] for key in sorted(before))


def says(present: Iterable[Condition], kind: str, status: ConditionStatus, reason: str) -> bool:
    """Whether a condition is there with that status and reason, in whatever words."""
    return any((c.type, c.status, c.reason) == (kind, status, reason) for c in present)


def condition(
    kind: str,
    *,
    holds: bool | None,
    reason: str,
    message: str,
    now: datetime,
) -> Condition:
    """Make a condition; ``holds=None`` is Unknown."""
    status: ConditionStatus = "Unknown" if holds is None else "True" if holds else "False"
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=now,
    )
