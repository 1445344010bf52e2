"""How far something is, in the conditions that kstatus reads.

phase      kstatus       conditions
Pending    InProgress    Ready=False, Reconciling=True
Running    InProgress    Ready=False, Reconciling=True
Succeeded  Current       Ready=True, whatever came of it
Failed     Failed        Ready=False, Stalled=True
"""

from collections.abc import Iterable
from datetime import datetime

from clm_api.conditions import Condition, condition, set_conditions
from clm_api.model_version import Phase

READY = "Ready"
_RECONCILING, _STALLED = "Reconciling", "Stalled"
_TRUE: dict[Phase, str] = {
    Phase.PENDING: _RECONCILING,
    Phase.RUNNING: _RECONCILING,
    Phase.SUCCEEDED: READY,
    Phase.FAILED: _STALLED,
}
"""The one of the three that holds; Reconciling and Stalled are there only while they do."""


def conditions_of(
    present: Iterable[Condition],
    phase: Phase,
    reason: str,
    message: str,
    now: datetime,
    beside: Iterable[Condition] = (),
) -> tuple[Condition, ...]:
    """Return the conditions of a phase, laid over those that were there.

    Parameters
    ----------
    beside
        What else is said.
    """
    true = _TRUE[phase]
    stated = [
        condition(kind, holds=kind == true, reason=reason, message=message, now=now)
        for kind in {READY, true}
    ]
    over = {_RECONCILING, _STALLED} - {true}
    return set_conditions((c for c in present if c.type not in over), [*beside, *stated])
