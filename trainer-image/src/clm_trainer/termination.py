"""Last words of a failing run: one JSON line that Kubernetes carries into the pod's status."""

import os
from pathlib import Path

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.report import TerminationMessage

MAX_BYTES = 2048
KUBERNETES_LOG = Path("/dev/termination-log")
_CUT = " …"


def termination_line(error: ClmError) -> str:
    """Return the line, cut so that it never exceeds 2 KB of UTF-8."""
    message = error.message
    while True:
        words = TerminationMessage(code=error.exit_code, reason=str(error.reason), message=message)
        line = words.model_dump_json(by_alias=True)
        excess = len(line.encode()) - MAX_BYTES
        if excess <= 0:
            return line
        kept = message.removesuffix(_CUT)
        message = kept[: len(kept) - max(excess // 4, 1) - len(_CUT)] + _CUT


def write_last_words(error: ClmError) -> None:
    """Write the line to where Kubernetes reads it; elsewhere only if a file is named."""
    named = os.environ.get(environment.TERMINATION_LOG)
    path = Path(named) if named else KUBERNETES_LOG
    if named or path.exists():
        path.write_text(termination_line(error), encoding="utf-8")
