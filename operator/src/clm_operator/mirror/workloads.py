"""Kueue's Workloads: of each no more than what says where its Job stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clm_operator.names import LABEL_JOB_UID

Raw = dict[str, Any]
_LOOKED_AT = frozenset({"QuotaReserved", "Admitted", "Evicted", "Preempted"})
_PREEMPTED = "Preempted"


@dataclass(frozen=True, slots=True)
class Standing:
    """A condition of a Workload."""

    holds: bool
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Workload:
    """Kueue's Workload of a Job.

    Parameters
    ----------
    job, job_uid
        Name and uid of the Job.
    queue, cluster_queue
        The LocalQueue that it asks for; the ClusterQueue that has reserved quota for it.
    active
        Whether Kueue may admit it: an administrator, or a limit of time, may have put it away.
    preemptions
        How often it lost its place to another, where Kueue counts that.
    """

    namespace: str
    name: str
    uid: str
    job: str
    job_uid: str
    queue: str
    cluster_queue: str | None
    active: bool
    conditions: Mapping[str, Standing]
    preemptions: int

    @classmethod
    def read(cls, raw: Raw) -> "Workload | None":
        """Pick what is looked at; None of one that has finished, or whose Job nobody names."""
        meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
        job_uid = (meta.get("labels") or {}).get(LABEL_JOB_UID)
        owners = (o for o in meta.get("ownerReferences") or () if o.get("uid") == job_uid)
        owner = next(owners, None)
        found = {c["type"]: c for c in status.get("conditions") or ()}
        if owner is None or found.get("Finished", {}).get("status") == "True":
            return None
        evictions = (status.get("schedulingStats") or {}).get("evictions") or ()
        return cls(
            namespace=str(meta["namespace"]),
            name=str(meta["name"]),
            uid=str(meta["uid"]),
            job=str(owner["name"]),
            job_uid=str(job_uid),
            queue=str(spec.get("queueName") or ""),
            cluster_queue=(status.get("admission") or {}).get("clusterQueue"),
            active=bool(spec.get("active", True)),
            conditions={k: _standing(c) for k, c in found.items() if k in _LOOKED_AT},
            preemptions=sum(int(e["count"]) for e in evictions if e["reason"] == _PREEMPTED),
        )

    def standing(self, kind: str) -> Standing | None:
        """Return a condition; None where Kueue has said nothing of it."""
        return self.conditions.get(kind)


def job_of(raw: Raw) -> tuple[str, str]:
    """Return namespace and uid of the Job that a Workload is of."""
    meta = raw["metadata"]
    return str(meta["namespace"]), str((meta.get("labels") or {}).get(LABEL_JOB_UID))


def _standing(raw: Raw) -> Standing:
    since = datetime.fromisoformat(raw["lastTransitionTime"])
    return Standing(raw["status"] == "True", raw.get("reason", ""), raw.get("message", ""), since)


@dataclass(frozen=True)
class InQueue:
    """What Kueue says of a Job.

    Parameters
    ----------
    workload
        None: it has made none.
    position
        Its place in the LocalQueue, 1 is next; None where nobody says.
    closed
        Why its ClusterQueue takes nobody, as reason and words; None where nobody says.
    """

    workload: Workload | None
    position: int | None = None
    closed: tuple[str, str] | None = None


@dataclass
class Workloads:
    """Workloads that have not finished, by namespace and uid of their Job.

    Who may make Workloads in one namespace says nothing of another one's Jobs.
    """

    _of: dict[tuple[str, str], Workload] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    """Namespaces whose Workloads are watched, ``*`` for all."""

    def put(self, raw: Raw) -> Workload | None:
        """Keep a Workload, or forget one that has finished; return it if it is kept."""
        if (found := Workload.read(raw)) is None:
            self.drop(raw)
            return None
        self._of[found.namespace, found.job_uid] = found
        return found

    def drop(self, raw: Raw) -> Workload | None:
        """Forget a Workload; return it if it was known, and not another one of its Job."""
        place = job_of(raw)
        known = self._of.get(place)
        if known is None or known.uid != str(raw["metadata"]["uid"]):
            return None
        return self._of.pop(place)

    def listed(self, scope: str, seen: frozenset[str]) -> list[Workload]:
        """Take note that a list is through; forget and return what it does not show."""
        self._known.add(scope)
        gone = [w for w in self._within(scope) if w.uid not in seen]
        for one in gone:
            del self._of[one.namespace, one.job_uid]
        return gone

    def lost(self, scope: str) -> list[Workload]:
        """Take note that nobody tells of a namespace's Workloads; forget and return them."""
        self._known.discard(scope)
        gone = list(self._within(scope))
        for one in gone:
            del self._of[one.namespace, one.job_uid]
        return gone

    def knows(self, namespace: str) -> bool:
        """Whether a Workload of that namespace that exists is known."""
        return bool({namespace, "*"} & self._known)

    def of(self, namespace: str, job_uid: str) -> Workload | None:
        """Return a Job's Workload; None where none is known."""
        return self._of.get((namespace, job_uid))

    def _within(self, scope: str) -> Iterator[Workload]:
        return iter([w for w in self._of.values() if scope in ("*", w.namespace)])
