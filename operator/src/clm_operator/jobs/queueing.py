"""Where a Job stands in its queue, from what the Job and its Workload say.

A Job that can't be admitted is held. One table says by what, whether that passes by itself, and
what ends it. Kueue says why on its Workload alone, in words.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.queueing import QueueState, QueueStatus
from clm_api.reasons import Reason
from clm_api.timing import whole_seconds
from clm_operator.complaints import Complaint
from clm_operator.jobs.failures import Failure
from clm_operator.mirror.objects import Job
from clm_operator.mirror.workloads import InQueue, Standing, Workload
from clm_operator.words import same_words

_AT_ONCE = timedelta(seconds=10)
"""Within that time Kueue makes the Workload of a Job, if it ever does."""
_EXACT = 10
"""Places up to there are told one by one, later ones by tenths: a long queue moves at each end."""
_STOPPED = "Stopped"
_UNNAMED = "(none)"


@dataclass(frozen=True)
class Rule:
    """What may hold a Job in its queue.

    Parameters
    ----------
    name
        As ``status.queue.reason`` has it.
    says
        What Kueue's words match; empty: this is told by something else.
    passes
        Whether it may end without that anybody corrects something.
    then
        What ends it.
    """

    name: str
    says: str
    passes: bool
    then: str


LABEL_REMOVED = Rule(
    "LabelRemoved", "", passes=False, then="put the label back, or start another run"
)
NO_WORKLOAD = Rule(
    "NoWorkload", "", passes=False,
    then="see that its priority classes exist and that Kueue manages its namespace",
)  # fmt: skip
DEACTIVATED = Rule(
    "Deactivated", "", passes=False, then="set spec.active of the Workload, or start another run"
)
CLOSED = Rule(
    "ClusterQueueInactive", "", passes=False, then="mend the ClusterQueue, or name another queue"
)
WAITS_FOR_QUOTA = Rule("", "insufficient unused quota", passes=True, then="")
BY_WORDS = (
    WAITS_FOR_QUOTA,
    Rule("LocalQueueMissing", "LocalQueue .* doesn't exist", passes=False,
         then="create the LocalQueue, or name another one in spec.job.queueName"),
    Rule("ClusterQueueMissing", "ClusterQueue .* (doesn't exist|not found)", passes=False,
         then="create the ClusterQueue, or have the LocalQueue name another one"),
    Rule("QueueStopped", "(Local|Cluster)Queue .* is inactive", passes=True,
         then="it goes on once the queue is no longer stopped"),
    Rule("NamespaceNotSelected", "namespace doesn't match ClusterQueue selector", passes=False,
         then="have the ClusterQueue's namespaceSelector match the namespace"),
    Rule("ResourceNotCovered", "unavailable in ClusterQueue", passes=False,
         then="have the ClusterQueue cover the resource, or ask for another one in spec.job"),
    Rule("TooLarge", "> maximum capacity", passes=False,
         then="ask for less in spec.job, or raise the quota"),
    Rule("NoFlavorMatches", "doesn't match node affinity|untolerated taint", passes=False,
         then="correct spec.job.nodeSelector or tolerations, or add a flavor"),
    Rule("ResourcesInvalid", "resources validation failed|LimitRange", passes=False,
         then="correct spec.job.resources, or the namespace's LimitRange"),
)  # fmt: skip
"""The first that matches counts: of several flavors, one that may be free soon is enough."""
RULES = (LABEL_REMOVED, NO_WORKLOAD, DEACTIVATED, CLOSED, *BY_WORDS)
_OF_NAME = {rule.name: rule for rule in RULES}


def queue_of(job: Job, before: QueueStatus | None, now: datetime) -> QueueStatus | None:
    """Return where a Job stands; None where no queue has a say.

    Parameters
    ----------
    before
        What the last look has noted.
    """
    if job.finished:
        return before
    found = job.kueue
    known = before is not None or job.was_admitted or (found is not None and found.workload)
    if job.suspended and (job.queue or known) and not _is_let_go(found):
        return _put_back(job, found, before, now)
    return _admitted(job, found, before, now) if known else None


def _is_let_go(found: InQueue | None) -> bool:
    """Whether Kueue has admitted a Job, and will let it go in a moment."""
    workload = found.workload if found else None
    admitted = workload.standing("Admitted") if workload else None
    return admitted is not None and admitted.holds and _evicted(workload) is None


def _admitted(
    job: Job, found: InQueue | None, before: QueueStatus | None, now: datetime
) -> QueueStatus:
    """Return where a Job stands that may make pods; it may have lost its place in between."""
    workload = found.workload if found else None
    known, count = before.preemptions if before else 0, workload.preemptions if workload else 0
    leaves = _evicted(workload) is not None
    count = known if leaves else max(known, count)
    stays = before is not None and before.state is QueueState.ADMITTED and count == known
    given = (workload.cluster_queue if workload else None) or job.cluster_queue
    return QueueStatus(
        name=_name(job, workload, before),
        cluster_queue=given or (before.cluster_queue if before else None),
        workload=workload.name if workload else before.workload if before else None,
        state=QueueState.ADMITTED,
        since=before.since if before and stays else whole_seconds(job.startable_since or now),
        preemptions=count,
        message=_calm(before, _said(workload, "Admitted")),
    )


def _put_back(
    job: Job, found: InQueue | None, before: QueueStatus | None, now: datetime
) -> QueueStatus:
    """Return where a suspended Job waits; as the last look noted it while nobody tells."""
    if found is None and before is not None and before.state is not QueueState.ADMITTED:
        return before.having(position=None)
    workload = found.workload if found else None
    rule, words = _held(job, found, now)
    ran = before is not None and before.state in (QueueState.ADMITTED, QueueState.PREEMPTED)
    if rule is not None:
        state = QueueState.HELD
    elif ran or _evicted(workload) is not None:
        state = QueueState.PREEMPTED
    else:
        state = QueueState.QUEUED
    reason = rule.name if rule else ""
    stays = before is not None and (before.state, before.reason) == (state, reason)
    return QueueStatus(
        name=_name(job, workload, before),
        workload=workload.name if workload else None,
        state=state,
        since=before.since if before and stays else whole_seconds(now),
        position=_place(found.position if found else None, before),
        reason=reason,
        preemptions=_preemptions(workload, before),
        message=_calm(before, words),
    )


def _held(job: Job, found: InQueue | None, now: datetime) -> tuple[Rule | None, str]:
    """Return what holds a suspended Job beside its turn, and the words for it."""
    if job.queue is None and (found is None or found.workload is None or found.workload.queue):
        return LABEL_REMOVED, "the label kueue.x-k8s.io/queue-name was taken from its Job"
    if found is None:
        told = job.warning.words if job.warning else ""
        told = told or (job.condition("Suspended") or {}).get("message", "")
        return None, ": ".join(filter(None, (f'queue "{job.queue}" holds it back', told)))
    workload = found.workload
    if workload is None:
        if now - job.created < _AT_ONCE:
            return None, ""
        return NO_WORKLOAD, f"Kueue has made no Workload of its Job{_asks_for(job)}"
    if not workload.active:
        return DEACTIVATED, _words(workload) or "its Workload is deactivated"
    words = _words(workload)
    rule = next((r for r in BY_WORDS if re.search(r.says, words)), None)
    if rule is None or rule is WAITS_FOR_QUOTA:
        return None, words
    if rule.name == "QueueStopped" and found.closed is not None:
        why, said = found.closed
        return (rule if why == _STOPPED else CLOSED), f"{words}: {said}"
    return rule, words


def _asks_for(job: Job) -> str:
    """Name the classes without which Kueue makes no Workload."""
    named = (("WorkloadPriorityClass", job.priority_class), ("PriorityClass", job.pod_priority))
    told = " and ".join(f'{kind} "{name}"' for kind, name in named if name)
    return f", which asks for {told}" if told else ""


def _words(workload: Workload) -> str:
    """Return what Kueue says of a Workload that is not admitted: why it was put back first."""
    reserved, evicted = workload.standing("QuotaReserved"), _evicted(workload)
    if reserved is not None and reserved.holds:
        going_on = _said(workload, "Admitted") or "its quota is reserved; admission checks go on"
        return going_on if evicted is None else evicted.message
    said = [one.message for one in (evicted, reserved) if one is not None]
    return "; ".join(dict.fromkeys(filter(None, said)))


def _evicted(workload: Workload | None) -> Standing | None:
    """Return why a Workload was put back; None where it was not, or has its place again."""
    found = workload.standing("Evicted") if workload else None
    return found if found is not None and found.holds else None


def _said(workload: Workload | None, kind: str) -> str:
    found = workload.standing(kind) if workload else None
    return found.message if found else ""


def _name(job: Job, workload: Workload | None, before: QueueStatus | None) -> str:
    asked = workload.queue if workload else ""
    return (job.queue or asked or (before.name if before else "") or _UNNAMED)[:63]


def _preemptions(workload: Workload | None, before: QueueStatus | None) -> int:
    """Return how often a Job that was put back lost its place to another.

    A Workload that was made again counts anew.
    """
    known, counted = before.preemptions if before else 0, workload.preemptions if workload else 0
    evicted = _evicted(workload)
    ran = before is not None and before.state is QueueState.ADMITTED
    lost = ran and evicted is not None and evicted.reason == "Preempted"
    return max(known + lost, counted)


def _place(position: int | None, before: QueueStatus | None) -> int | None:
    known = before.position if before else None
    if position is None or known is None or position <= _EXACT:
        return position
    return known if abs(position - known) * 10 < known else position


def _calm(before: QueueStatus | None, words: str) -> str:
    return same_words(before.message, words) if before else words


def waits_for(queue: QueueStatus) -> Complaint:
    """Return why a Job that is queued does not begin."""
    if queue.state is QueueState.ADMITTED:
        return Complaint(Reason.JOB_CREATED, "")
    rule = _OF_NAME.get(queue.reason)
    words = queue.message or f'queue "{queue.name}" holds it back'
    if queue.state is not QueueState.HELD or rule is None:
        return Complaint(Reason.QUEUED, words)
    reason = Reason.QUEUED if rule.passes else Reason.NOT_ADMISSIBLE
    return Complaint(reason, f"{words}: {rule.then}")


def inadmissible(queue: QueueStatus, limit_s: int, now: datetime) -> Failure | None:
    """Return why a Job is given up that nothing will admit; None while it may wait.

    Parameters
    ----------
    limit_s
        ``spec.job.pendingDeadlineSeconds``, from when on the reason was first seen.
    """
    rule = _OF_NAME.get(queue.reason)
    if queue.state is not QueueState.HELD or rule is None or rule.passes:
        return None
    if now - queue.since <= timedelta(seconds=limit_s):
        return None
    told = f"could not be admitted for {limit_s} s (spec.job.pendingDeadlineSeconds)"
    return Failure(Reason.NOT_ADMISSIBLE, f"{told}: {waits_for(queue).words}")
