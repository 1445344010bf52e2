"""How many threads a run may use: the cgroup's CPU quota, not the node's core count."""

import math
import os
from pathlib import Path

_V2 = Path("/sys/fs/cgroup/cpu.max")
_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def quota(v2: Path = _V2, v1: Path = _V1, v1_period: Path = _V1_PERIOD) -> float | None:
    """Return the CPUs that the cgroup allows; None without a limit."""
    if v2.exists():
        allowed, period = v2.read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    if v1.exists() and v1_period.exists():
        allowed_us = int(v1.read_text())
        return None if allowed_us <= 0 else allowed_us / int(v1_period.read_text())
    return None


def thread_count() -> int:
    """Return how many threads to use, at least 1."""
    cores = len(os.sched_getaffinity(0))
    allowed = quota()
    return cores if allowed is None else max(1, min(cores, math.floor(allowed)))
