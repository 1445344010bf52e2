"""A real Kueue beside a real API server, and what a test asks of both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local_cluster.kueue import Kueue, Ports
from tests.support.control_plane import ControlPlane
from tests.support.ports import free_port

Raw = dict[str, Any]
_QUEUES = "/apis/kueue.x-k8s.io/v1beta2/namespaces/{}/workloads"
_POSITIONS = "/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/{}/localqueues/{}/pendingworkloads"


@dataclass(frozen=True)
class KueueWorld:
    """An API server whose Jobs wait in real queues; see tests/support/queues.py for those."""

    plane: ControlPlane
    kueue: Kueue

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start everything, with CLM's kinds."""
        plane = ControlPlane.start(folder)
        plane.define()
        kueue = Kueue(
            folder / "kueue", plane.server, plane.kubeconfig, plane.authority, plane.processes,
            Ports(free_port(), free_port(), free_port()),
        )  # fmt: skip
        kueue.start()
        # Last: the garbage collector looks for new kinds only twice a minute, and a Workload that
        # outlives its Job keeps the quota.
        plane.start_controllers()
        return cls(plane, kueue)

    def stop(self) -> None:
        """End everything."""
        self.kueue.stop()
        self.plane.stop()

    def workload(self, namespace: str, job_uid: str) -> Raw | None:
        """Return the Workload that Kueue made for a Job; None if there is none."""
        path = f"{_QUEUES.format(namespace)}?labelSelector=kueue.x-k8s.io/job-uid={job_uid}"
        found = (self.plane.request("GET", path) or {}).get("items", [])
        return dict(found[0]) if found else None

    def workloads(self, namespace: str) -> list[Raw]:
        """Return all Workloads, oldest first."""
        found = (self.plane.request("GET", _QUEUES.format(namespace)) or {}).get("items", [])
        return sorted(found, key=lambda one: str(one["metadata"]["creationTimestamp"]))

    def waiting(self, namespace: str, queue: str) -> list[str]:
        """Return the names of the Jobs that wait in a queue, the next one first."""
        found = self.plane.request("GET", _POSITIONS.format(namespace, queue)) or {}
        items = sorted(found.get("items", ()), key=lambda one: one["positionInLocalQueue"])
        return [str(one["metadata"]["ownerReferences"][0]["name"]) for one in items]
