"""What becomes of a version's status, said before anything is written down.

Who decides says three things: the fields, a move along the picture of stages, conditions. One place
writes them down (``round/version_status``).
"""

from dataclasses import dataclass, replace
from datetime import datetime

from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_operator.mirror.objects import Version

Said = tuple[str, bool | None, str, str]
"""A condition: type, whether it holds (None: Unknown), reason, message."""


@dataclass(frozen=True)
class Transition:
    """A rule of the picture.

    Parameters
    ----------
    reason
        What the version's status says of it; None where the run's verdict says more.
    """

    name: str
    source: Stage
    target: Stage
    reason: Reason | None = None


@dataclass(frozen=True)
class Move:
    """A move of a version: by which rule, when, by whom and why."""

    rule: Transition
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Change:
    """What becomes of a version's status.

    Parameters
    ----------
    status
        With its fields as they are to be.
    at
        When the conditions became true.
    said
        Conditions that are brought up to date; none has an ``observedGeneration``: they tell of
        the run, which a request does not change.
    """

    status: ModelVersionStatus
    at: datetime
    move: Move | None = None
    said: tuple[Said, ...] = ()


Changes = dict[str, Change]
"""By version."""


@dataclass(frozen=True)
class Settled:
    """A version, and its next status.

    Parameters
    ----------
    ends
        Whether its run ends in this round.
    """

    version: Version
    status: ModelVersionStatus
    ends: bool = False

    @property
    def after(self) -> Version:
        """The version with that status."""
        return replace(self.version, status=self.status)

    @property
    def says_the_same(self) -> bool:
        """Whether the status stays as it is, but for what is told of it meanwhile."""
        before = self.version.status
        return self.status.having(untold=before.untold) == before
