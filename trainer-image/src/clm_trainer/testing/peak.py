"""By how much a process grew at most while something ran."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"


@dataclass
class Peak:
    """The growth, once the block has ended."""

    grown_mib: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure a block. Where the kernel lets no peak be reset, growth below an older one is 0."""
    peak = Peak()
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        before = _highest_mib()
    else:
        before = _field_mib("VmRSS")
    yield peak
    peak.grown_mib = max(0.0, _highest_mib() - before)


def _highest_mib() -> float:
    if _STATUS.exists():
        return _field_mib("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _field_mib(name: str) -> float:
    lines = _STATUS.read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
