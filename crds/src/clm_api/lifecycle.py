"""Where a version stands, who asks for a move, and what every move leaves behind."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clm_api.base import Instant, Model, Name, StatusModel, Text, Word

KEPT_CHANGES = 20
MAX_REASON = 500
UserName = Annotated[str, Field(min_length=1, max_length=253)]
Why = Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class Stage(StrEnum):
    """Where the version stands in its life."""

    TRAINING = "TRAINING"
    REJECTED = "REJECTED"
    CANDIDATE = "CANDIDATE"
    SHADOW = "SHADOW"
    PRODUCTION = "PRODUCTION"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"


class RequestedStage(StrEnum):
    """Where a person may ask a version to be moved."""

    SHADOW = "SHADOW"
    PRODUCTION = "PRODUCTION"
    ARCHIVED = "ARCHIVED"


class StageRequest(Model):
    """A person's wish: executed or refused once, then removed by the operator."""

    stage: RequestedStage
    """SHADOW tests a candidate on the bars after its training; PRODUCTION puts it, one that is
    tested, or an archived version again, into production; ARCHIVED withdraws it, tested or not, and
    empties production where it is there and ``replaces`` names it."""
    by: UserName
    """Who asks: must be the name under which the API server knows the writer."""
    reason: Why
    """Why; kept in the history for good."""
    replaces: Annotated[str, Field(max_length=63)] | None = None
    """The production version that the writer saw, "" for none: another one by now means
    PromotionConflict. Absent replaces whatever is there."""


class StageChange(StatusModel):
    """One move of a version."""

    stage: Stage
    """Where it went."""
    at: Instant
    """When."""
    by: UserName
    """Who moved it: a person, or clm-operator."""
    reason: Text
    """Why."""


class Decision(StatusModel):
    """What became of the newest request."""

    stage: RequestedStage
    """The stage that was asked for."""
    at: Instant
    """When it was decided."""
    by: UserName
    """Who asked."""
    reason: Text
    """Why, in the words of who asked."""
    replaced: Name | None = None
    """The version that was in production until then."""
    outcome: Word
    """Promoted, RolledBack, ShadowStarted or Archived; else why it was refused, in one word."""
    message: Text = ""
    """What was done or refused, as a sentence."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec whose request was decided."""
