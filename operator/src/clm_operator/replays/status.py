"""The status of a replay: it waits, it has ended, it has failed."""

from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import ReplayStatus
from clm_api.timing import whole_seconds
from clm_operator.jobs.failures import Failure
from clm_operator.words import same_words


def waiting(status: ReplayStatus, reason: str, words: str) -> ReplayStatus:
    """Say what it waits for; once, for the words have times and counts in them."""
    message = same_words(status.message, words[:1024])
    return status.having(reason=str(reason)[:64], message=message)


def ended(status: ReplayStatus, now: datetime, reason: Reason | str, text: str) -> ReplayStatus:
    """End a replay with its report."""
    return status.having(
        phase=Phase.SUCCEEDED,
        reason=str(reason)[:64],
        message=text[:1024],
        completion_time=whole_seconds(now),
        pod_missing_since=None,
    )


def failed(status: ReplayStatus, why: Failure, now: datetime) -> ReplayStatus:
    """End a replay without a report."""
    return ended(status, now, why.reason, why.message).having(phase=Phase.FAILED)
