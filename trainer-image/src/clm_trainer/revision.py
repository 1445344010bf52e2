"""Which commit the trainer was built from."""

import os
import shutil
import subprocess
from pathlib import Path

VARIABLE = "CLM_GIT_REVISION"
"""Set in the image by its build."""
UNKNOWN = "not known: the image was built without GIT_REVISION"


def git_revision() -> str:
    """Return the commit that the image was built from, or that of the checkout around this file.

    ``-dirty`` follows where files differ from the commit.
    """
    if told := os.environ.get(VARIABLE):
        return told
    here = Path(__file__).resolve().parent
    if shutil.which("git") is None or not any((up / ".git").exists() for up in here.parents):
        return UNKNOWN
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty", "--match="]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else UNKNOWN
