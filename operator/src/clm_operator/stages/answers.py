"""What a decided request leaves in its version's status."""

from datetime import datetime

from clm_api.conditions import says
from clm_api.lifecycle import Decision, Stage, StageRequest
from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_api.timing import whole_seconds
from clm_operator.conditions import stated
from clm_operator.findings import UnreadableReport
from clm_operator.mirror.objects import Version
from clm_operator.stages import shadow
from clm_operator.stages.candidates import compared
from clm_operator.stages.lifecycle import TEST_WITHDRAWN, WITHDRAWN, move
from clm_operator.stages.requests import Refusal


def tested(
    version: Version, request: StageRequest, ahead: Version | None, now: datetime
) -> ModelVersionStatus:
    """Begin the shadow test that somebody asked for, be its bars as old as they may.

    Parameters
    ----------
    ahead
        A version that stands and whose bars end later.
    """
    status = shadow.begun(version, at=whole_seconds(now), by=request.by, reason=request.reason)
    text = "its shadow test begins"
    text += f"; {compared(version, ahead)}" if ahead is not None else ""
    return _recorded(version, status, request, now, Reason.SHADOW_STARTED, text)


def withdrawn(version: Version, request: StageRequest, now: datetime) -> ModelVersionStatus:
    """Archive a candidate, or the version on trial."""
    status = move(
        version.status,
        TEST_WITHDRAWN if version.status.stage is Stage.SHADOW else WITHDRAWN,
        at=whole_seconds(now),
        by=request.by,
        reason=request.reason,
    )
    return _recorded(version, status, request, now, Reason.ARCHIVED, "it is no candidate any more")


def refused(
    version: Version, request: StageRequest, why: Refusal, now: datetime
) -> ModelVersionStatus:
    """Write down why not; files that differ are told by a condition too."""
    corrupt = why.reason is Reason.ARTIFACT_CORRUPT
    status = doubted(version, why, now) if corrupt else version.status
    return _recorded(version, status, request, now, why.reason, why.message)


def waiting(version: Version, why: UnreadableReport, now: datetime) -> ModelVersionStatus:
    """Say what a promotion waits for; once, for the store's words have times and counts in them."""
    if says(version.status.conditions, "ArtifactVerified", "Unknown", why.reason):
        return version.status
    text = f"its promotion waits for the store: {why.message}"
    unknown = ("ArtifactVerified", None, why.reason, text)
    return stated(version.status, now, unknown)


def doubted(version: Version, why: Refusal, now: datetime) -> ModelVersionStatus:
    """Say that the version's files are not what was judged."""
    broken = ("ArtifactVerified", False, why.reason, why.message)
    return stated(version.status, now, broken)


def _recorded(
    version: Version,
    status: ModelVersionStatus,
    request: StageRequest,
    now: datetime,
    outcome: Reason,
    message: str,
) -> ModelVersionStatus:
    """Write down that this very request, told by its generation, was decided."""
    decision = Decision(
        stage=request.stage,
        at=whole_seconds(now),
        by=request.by,
        reason=request.reason,
        outcome=outcome,
        message=message,
        observed_generation=version.generation,
    )
    return status.having(promotion=decision)
