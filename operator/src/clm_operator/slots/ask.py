"""A run that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clm_api.model_version import Trigger
from clm_api.schedule_status import SkippedRange

Fields = Mapping[str, Any]
"""Fields of the schedule's status, by name."""


@dataclass(frozen=True)
class Ask:
    """A run that is asked for.

    Parameters
    ----------
    name
        Of its version: whoever asks for the same run gives it the same name.
    timely
        Whether its time was decided by what was active then; others look at what is active now.
    called
        In words, where it is refused; of a slot nothing is said.
    waits
        Whether it waits while others are active: it is refused otherwise.
    settles
        What the status says once the run is made or refused.
    """

    name: str
    slot: datetime
    trigger: Trigger
    called: str = ""
    timely: bool = False
    waits: bool = False
    settles: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a trigger says: the run that it asks for, slots that it skips, fields of the status."""

    ask: Ask | None = None
    skips: tuple[SkippedRange, ...] = ()
    fields: Fields = field(default_factory=dict)
    wake_at: datetime | None = None
