"""Names are locks: the same slot or token always gives the same name."""

import hashlib
from datetime import datetime

from clm_api.timing import slot_of

LABEL_SCHEDULE = "clm.dev/schedule"
LABEL_FAMILY = "clm.dev/family"
LABEL_VERSION = "clm.dev/version"
LABEL_REPLAY = "clm.dev/replay"
LABEL_QUEUE = "kueue.x-k8s.io/queue-name"


def slot_version(schedule: str, slot: datetime) -> str:
    """Return the version's name for a scheduled slot."""
    return f"{schedule}-{slot_of(slot)}"


def manual_version(schedule: str, token: str) -> str:
    """Return the version's name for a run by hand."""
    return f"{schedule}-m-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def replay_name(schedule: str, slot: datetime) -> str:
    """Return the name of a replay's Job; no version is ever called so."""
    return f"{schedule}-{slot_of(slot)}-e"
