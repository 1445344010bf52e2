"""Where a restart's CPU goes, by py-spy."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.scale import schedules
from bench.scale.starts import started
from bench.scale.subject import running
from bench.scale.world import World

Raw = dict[str, Any]
_RATE_HZ = 50
_INCLUSIVE, _OWN = 45, 25


def profile(repo: Path, count: int, seconds: int, spy: str, limit_s: float) -> Raw:
    """Sample the stacks of the first seconds of a restart.

    Raises
    ------
    SystemExit
        There is no py-spy.
    """
    if shutil.which(spy) is None:
        sys.exit(f"{spy}: no such program; install py-spy and name it with --spy")
    with World(repo) as world:
        schedules.create(world, schedules.names(0, count))
        with started(world, count, limit_s):
            pass
        out = world.folder / "stacks"
        with running(world) as subject:
            subprocess.run(
                [spy, "record", "--pid", str(subject.pid), "--rate", str(_RATE_HZ), "--duration",
                 str(seconds), "--format", "raw", "--output", str(out), "--nonblocking"],
                check=True, capture_output=True,
            )  # fmt: skip
        return shares(out.read_text())


def shares(stacks: str) -> Raw:
    """Shares of all samples in percent, by function: with what it calls, and alone."""
    inclusive: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = re.sub(r":\d+\)", ")", stack).split(";")
        inclusive.update(dict.fromkeys(frames, int(number)))
        own[frames[-1]] += int(number)
    return {
        "samples": own.total(),
        "inclusive_percent": _percent(inclusive, _INCLUSIVE, own.total()),
        "own_percent": _percent(own, _OWN, own.total()),
    }


def _percent(found: Counter[str], most: int, all_: int) -> Raw:
    return {name: round(number / all_ * 100, 1) for name, number in found.most_common(most)}
