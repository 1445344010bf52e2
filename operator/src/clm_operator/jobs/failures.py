"""Why a run failed: the Job's and the pods' words folded into one reason and a sentence."""

from dataclasses import dataclass

from pydantic import ValidationError

from clm_api.reasons import Reason
from clm_api.report import TerminationMessage
from clm_operator.mirror.objects import Job, Pod

OOM_EXIT_CODE = 137


@dataclass(frozen=True)
class Failure:
    """A reason and what to do."""

    reason: str
    message: str


def explain(job: Job) -> Failure:
    """Return why a failed Job failed; the newest pod knows best."""
    condition = job.condition("Failed") or {}
    if condition.get("reason") == "DeadlineExceeded":
        return Failure(
            Reason.DEADLINE_EXCEEDED,
            f"took longer than spec.job.activeDeadlineSeconds ({job.deadline_seconds})"
            ": raise it or give the run more CPU",
        )
    ended = [p for p in job.pods if p.exit_code not in (None, 0)]
    if ended:
        return _of_pod(ended[-1], job.memory_limit)
    text = condition.get("message", "the Job failed without a pod that says why")
    said = job.pods[-1].complaint if job.pods else job.warning
    words = said.words if said else ""
    told = ": ".join(filter(None, (condition.get("reason", "Failed"), text, words)))
    return Failure(Reason.TRAINING_FAILED, told)


def of_attempt(job: Job) -> Failure | None:
    """Return why the newest pod of a Job that goes on has ended; None while it works."""
    pod = job.pods[-1] if job.pods else None
    if pod is not None and pod.exit_code not in (None, 0):
        return _of_pod(pod, job.memory_limit)
    if pod is None or pod.phase != "Failed":
        return None
    said = pod.complaint
    return Failure(said.reason, said.words) if said else Failure(Reason.POD_LOST, "no last words")


def _of_pod(pod: Pod, memory_limit: str | None) -> Failure:
    if pod.terminated_reason == "OOMKilled" or (
        pod.exit_code == OOM_EXIT_CODE and not pod.termination_message
    ):
        limit = memory_limit or "the node's"
        return Failure(
            Reason.OOM_KILLED,
            f"needed more memory than its limit ({limit}): raise spec.job.resources.limits.memory "
            "or use fewer symbols or days",
        )
    try:
        last = TerminationMessage.model_validate_json(pod.termination_message)
    except ValidationError:
        text = pod.termination_message.strip()[-512:] or "no last words; see the pod's log"
        return Failure(Reason.TRAINING_FAILED, f"exit code {pod.exit_code}: {text}")
    return Failure(last.reason, last.message)
