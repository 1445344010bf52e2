"""What grows: the operator's memory, statuses, objects, Secrets and files, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass

_SETTLED_DAY, _HALF = 20, 20
_CALM = ((22, 29), (52, 59))
"""Days on which one process lives undisturbed."""
_SHARE = 1.15
_SLACK = {"rss_mb": 8.0, "schedule_bytes": 600, "version_bytes": 600}


_LIMITS = {"list_items": 20}
"""What a documented limit allows is no growth: skipped slots, versions that were in production."""


@dataclass(frozen=True)
class Sample:
    """How much there is at the end of a day."""

    day: int
    start: int
    """Which process of the operator it is."""
    amounts: dict[str, float]


def grown(samples: Sequence[Sample]) -> list[str]:
    """Return what is more in the last 20 days than in the 20 days before, after day 20."""
    found = []
    middle = [s for s in samples if _SETTLED_DAY < s.day <= _SETTLED_DAY + _HALF]
    last = [s for s in samples if s.day > _SETTLED_DAY + _HALF]
    if not middle or not last:
        return []
    for name in middle[0].amounts:
        before, after = (max(s.amounts[name] for s in part) for part in (middle, last))
        if after > max(before * _SHARE + _SLACK.get(name, 6), _LIMITS.get(name, 0)):
            found.append(f"{name} grew from {before:g} to {after:g}")
    for first, end in _CALM:
        calm = [s for s in samples if first <= s.day <= end]
        if calm and calm[0].start == calm[-1].start:
            before, after = (s.amounts["rss_mb"] for s in (calm[0], calm[-1]))
            if after > before * _SHARE + _SLACK["rss_mb"]:
                found.append(f"memory of one process grew from {before:g} to {after:g} MB")
    return found
