"""Former words: a replay was called an evaluation. They are read until v1beta1.

Statuses, Jobs, backups and images of that time are still in use. No more is written in these words
than what an image of another release is told (decision 22).
"""

from collections.abc import Mapping
from typing import Any

from clm_api.reasons import Reason

STATUS = "evaluation"
"""Field of a schedule's status; now ``replay``."""
LABEL = "clm.dev/evaluation"
"""Label of its Job with the slot; now ``clm.dev/replay``."""
COMMAND = "evaluate"
"""Of ``python -m clm_trainer``; now ``replay``."""
TASK = "CLM_EVALUATION_TASK"
"""Variable with its task; now ``CLM_REPLAY_TASK``."""
_REASONS = {"Evaluated": Reason.REPLAYED, "NothingToEvaluate": Reason.NOTHING_TO_REPLAY}


def renamed(status: Any) -> Any:
    """Return a schedule's stored status in the words of today; what is no mapping as it is."""
    if not isinstance(status, Mapping) or STATUS not in status:
        return status
    rest = {key: value for key, value in status.items() if key != STATUS}
    newest = status[STATUS]
    if rest.get("replay") is None and isinstance(newest, Mapping):
        reason = newest.get("reason", "")
        rest["replay"] = {**newest, "reason": _REASONS.get(reason, reason)}
    return rest
