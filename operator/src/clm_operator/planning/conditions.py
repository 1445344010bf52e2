"""Conditions of a version, laid over those that it has."""

from datetime import datetime

from clm_api.conditions import condition, set_conditions
from clm_api.model_version import ModelVersionStatus

Said = tuple[str, bool | None, str, str]
"""Type, whether it holds (None: Unknown), reason, message."""


def stated(
    status: ModelVersionStatus, generation: int, now: datetime, *said: Said
) -> ModelVersionStatus:
    """Return the status with some conditions brought up to date.

    Parameters
    ----------
    generation
        The version's, for ``observedGeneration``.
    """
    made = [
        condition(
            kind,
            holds=holds,
            reason=str(reason),
            message=message[:1024],
            generation=generation,
            now=now,
        )
        for kind, holds, reason, message in said
    ]
    return status.model_copy(update={"conditions": list(set_conditions(status.conditions, made))})
