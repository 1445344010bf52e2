"""Conditions of a version, laid over those that it has.

None has an ``observedGeneration``: they tell of the run, which a request does not change.
"""

from datetime import datetime

from clm_api.conditions import condition, set_conditions
from clm_api.model_version import ModelVersionStatus

Said = tuple[str, bool | None, str, str]
"""Type, whether it holds (None: Unknown), reason, message."""


def stated(status: ModelVersionStatus, now: datetime, *said: Said) -> ModelVersionStatus:
    """Return the status with some conditions brought up to date."""
    made = [
        condition(kind, holds=holds, reason=reason, message=message, now=now)
        for kind, holds, reason, message in said
    ]
    return status.having(conditions=list(set_conditions(status.conditions, made)))
