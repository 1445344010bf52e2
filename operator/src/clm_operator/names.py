"""Names are locks: the same slot or token always gives the same name."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from clm_api import former
from clm_api.model_version import TriggerType
from clm_api.timing import slot_of

LABEL_SCHEDULE = "clm.dev/schedule"
LABEL_FAMILY = "clm.dev/family"
LABEL_VERSION = "clm.dev/version"
LABEL_REPLAY = "clm.dev/replay"
LABEL_SIMULATION = "clm.dev/simulation"
LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
LABEL_PRIORITY = "kueue.x-k8s.io/priority-class"
LABEL_JOB_UID = "kueue.x-k8s.io/job-uid"
LABEL_CLUSTER_QUEUE = "kueue.x-k8s.io/cluster-queue-name"
LABEL_PODSET = "kueue.x-k8s.io/podset"
_MONITORED = {TriggerType.DRIFT: "d", TriggerType.PERFORMANCE: "p", TriggerType.STALE: "x"}


def slot_version(schedule: str, slot: datetime) -> str:
    """Return the version's name for a scheduled slot."""
    return f"{schedule}-{slot_of(slot)}"


def manual_version(schedule: str, token: str) -> str:
    """Return the version's name for a run by hand."""
    return f"{schedule}-m-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def asked_version(schedule: str, token: str) -> str:
    """Return the version's name for a run that a message asks for."""
    return f"{schedule}-n-{token_digest(token)[:8]}"


def monitored_version(schedule: str, trigger: TriggerType, due: datetime) -> str:
    """Return the version's name for a run that monitoring asks for.

    Parameters
    ----------
    due
        From when on it was due: the trouble's beginning, or the end of the cooldown.
    """
    return f"{schedule}-{_MONITORED[trigger]}-{slot_of(due)}"


def token_digest(token: str) -> str:
    """Return what is remembered of a message's token."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def replay_name(schedule: str, slot: datetime) -> str:
    """Return the name of a replay's Job; no version is ever called so.

    The ending is of the time when a replay was called an evaluation: operators of before and of
    today take the same lock.
    """
    return f"{schedule}-{slot_of(slot)}-e"


def replay_slot(labels: Mapping[str, str]) -> str | None:
    """Return what the label of a replay's Job says of its slot; None for any other Job."""
    return labels.get(LABEL_REPLAY, labels.get(former.LABEL))


def variant_job(simulation: str, number: int) -> str:
    """Return the name of the Job that trains a variant's slots.

    Parameters
    ----------
    number
        The variant's place in the spec, from 0.
    """
    return f"{simulation}-v{number}"


def reduce_job(simulation: str) -> str:
    """Return the name of the Job that writes a simulation's report."""
    return f"{simulation}-r"
