"""What processes have used so far, and what lies between two such readings."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.scale.audit import Request, counted

_TICK = os.sysconf("SC_CLK_TCK")
OPERATOR_CPU = "operator"


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_mb(pid: int) -> dict[str, float]:
    """Resident memory now and at most, in MB of 2**20 bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    sizes = {name: int(size) for name, size in re.findall(r"(Vm\w+):\s+(\d+) kB", text)}
    return {
        "rss_mb": round(sizes["VmRSS"] / 1024, 1),
        "rss_peak_mb": round(sizes["VmHWM"] / 1024, 1),
    }


def samples(text: str) -> dict[str, float]:
    """Read Prometheus' text: samples by ``name{labels}``."""
    rows = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, _, value in rows}


def total(metrics: dict[str, float], name: str) -> float:
    """Add up a metric's samples over its labels."""
    return sum(v for key, v in metrics.items() if key.partition("{")[0] == name)


@dataclass(frozen=True)
class Reading:
    """One look at the clocks.

    Parameters
    ----------
    at
        ``time.monotonic()``.
    cpus
        CPU seconds so far, by process.
    requests
        How many requests were logged so far.
    """

    at: float
    cpus: dict[str, float]
    requests: int


def between(start: Reading, end: Reading, log: Sequence[Request], user: str) -> dict[str, Any]:
    """What a user's process, the API server and the store did between two readings."""
    mine = [r for r in log[start.requests : end.requests] if r.user == user]
    used = {name: cpu - start.cpus.get(name, 0.0) for name, cpu in end.cpus.items()}
    return {
        "wall_s": round(end.at - start.at, 2),
        **{f"{name}_cpu_s": round(cpu, 3) for name, cpu in used.items()},
        "requests": len(mine),
        "writes": sum(r.writes for r in mine),
        "by_request": counted(mine),
    }
