"""What one process takes: CPU time and its largest memory."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_WATCH = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process that begins it: what Linux says of a process's largest memory counts that of the
one that began it."""


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Parameters
    ----------
    cpu_s
        User and system time.
    peak_bytes
        Largest resident memory.
    """

    cpu_s: float
    peak_bytes: int


def cost_of(command: Sequence[str], *, cwd: Path, told: Mapping[str, str]) -> Cost:
    """Run a command to its end.

    Parameters
    ----------
    told
        Its whole environment.

    Raises
    ------
    RuntimeError
        It failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *command],
        cwd=cwd, env=told, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"it ended with {done.returncode}: {done.stderr[-2000:]}")
    cpu_s, peak_kib = json.loads(done.stdout)
    return Cost(cpu_s, peak_kib * 1024)
