"""What every version's status says in the words of kstatus: how far its run is, and of which spec.

phase      kstatus       conditions
Pending    InProgress    Ready=False, Reconciling=True
Running    InProgress    Ready=False, Reconciling=True
Succeeded  Current       Ready=True, whatever the verdict: a REJECTED version is a finished one
Failed     Failed        Ready=False, Stalled=True
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from clm_api.conditions import condition, set_conditions
from clm_api.model_version import ModelVersionStatus, Phase
from clm_operator.mirror.objects import Version
from clm_operator.runs.outcome import Outcome
from clm_operator.stages.promotion import Promotions

_READY, _RECONCILING, _STALLED = "Ready", "Reconciling", "Stalled"
_TRUE: dict[Phase, str] = {
    Phase.PENDING: _RECONCILING,
    Phase.RUNNING: _RECONCILING,
    Phase.SUCCEEDED: _READY,
    Phase.FAILED: _STALLED,
}
"""The one of the three that holds; Reconciling and Stalled are there only while they do."""


def settled(outcomes: Iterable[Outcome], moves: Promotions, now: datetime) -> tuple[Outcome, ...]:
    """Return the next statuses of all versions: what came of each run, and how each moves.

    A run that goes on, or ends now, keeps its own status beside what was decided of its request.
    """
    after = list[Outcome]()
    for outcome in outcomes:
        version, moved = outcome.version, moves.statuses.get(outcome.version.name)
        status = outcome.status
        if moved is not None:
            status = moved if version.terminal else status.having(promotion=moved.promotion)
        after.append(replace(outcome, status=observed(version, status, now)))
    return tuple(after)


def observed(version: Version, status: ModelVersionStatus, now: datetime) -> ModelVersionStatus:
    """Return a version's next status with the generation that it speaks of."""
    true = _TRUE[status.phase]
    reason, message = status.reason or str(status.phase), status.message[:1024]
    made = [
        condition(kind, holds=kind == true, reason=reason, message=message, now=now)
        for kind in {_READY, true}
    ]
    over = {_RECONCILING, _STALLED} - {true}
    kept = [c for c in status.conditions if c.type not in over]
    return status.having(
        observed_generation=version.generation, conditions=list(set_conditions(kept, made))
    )
