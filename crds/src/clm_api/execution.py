"""What a replay finds of the account: whether the bot does what the model says."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Instant, StatusModel, Text
from clm_api.figures import Count, Shown


class ExecutionStatus(StatusModel):
    """The account's fills since the promotion against the replayed positions."""

    from_: Annotated[Instant, Field(alias="from")]
    """Open time of the first bar since the promotion."""
    to: Instant
    """Open time of the last bar."""
    fills: Count
    """Fills of the account in that time."""
    decisions: Count
    """Changes of position that the model decided."""
    unexplained: Count
    """Fills that no decision explains."""
    missed: Count
    """Decisions without a fill."""
    shortfall_bps: Shown | None = None
    """How much worse the explained fills were than their bars' opens, in basis points of their
    notional; absent without one."""
    shortfall_return: Shown | None = None
    """Return that the account had less than the replay, as a fraction of equity; absent where the
    account's size can't be told."""
    message: Text = ""
    """What was found, as a sentence."""
