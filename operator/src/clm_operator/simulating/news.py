"""Which news of a simulation's Jobs are worth a look.

A Job's status counts its pods, second by second. Only what ends or begins something matters: the
next look at the store tells the rest.
"""

from dataclasses import dataclass, field

from clm_operator.mirror.objects import Job, Key

_Standing = frozenset[tuple[str, bool, bool, bool]]


@dataclass
class JobNews:
    """How the Jobs of each simulation stood when they were last worth a look."""

    _seen: dict[Key, _Standing] = field(default_factory=dict)

    def matter(self, key: Key, jobs: list[Job]) -> bool:
        """Whether a simulation's Jobs stand otherwise than before."""
        stand = frozenset(map(_standing, jobs))
        if self._seen.get(key) == stand:
            return False
        if stand:
            self._seen[key] = stand
        else:
            self._seen.pop(key, None)
        return True


def _standing(job: Job) -> tuple[str, bool, bool, bool]:
    status = job.raw.get("status", {})
    works = bool(status.get("ready") or status.get("succeeded"))
    return job.uid, job.finished, works, job.suspended
