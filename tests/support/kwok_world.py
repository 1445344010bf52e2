"""Fake nodes and pods by kwok: the real scheduler places pods, and a clock runs and ends them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local_cluster import binaries
from local_cluster.components import flags
from tests.support.control_plane import ControlPlane
from tests.support.queues import GPU

Raw = dict[str, Any]
_REQUESTS_PER_S = 1000
"""What the scheduler and the Job controller may ask: their defaults make 20 pods a second."""
_NODE = """
conditions:
- {type: Ready, status: "True", reason: Fake, lastTransitionTime: {{ Now | Quote }}}
"""
_CONTAINERS = """
{{ $now := Now }}
phase: %s
startTime: {{ or .status.startTime $now | Quote }}
conditions:
- {type: Ready, status: "%s", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: %s
  restartCount: 0
  state: {%s}
{{ end }}
"""
_RUNS = "running: {startedAt: {{ $now | Quote }}}"
_DONE = (
    "terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, "
    "finishedAt: {{ $now | Quote }}}"
)


@dataclass(frozen=True)
class KwokWorld:
    """An API server with controllers, scheduler and fake nodes."""

    plane: ControlPlane

    @classmethod
    def start(
        cls, folder: Path, *, run_s: float | None, nodes: int = 10, gpus: int = 0, **more: object
    ) -> Self:
        """Start everything, with CLM's kinds.

        Parameters
        ----------
        run_s
            How long a pod of a Job runs before it succeeds; None: until it is deleted.
        nodes, gpus
            How many nodes, and the GPUs of each.
        more
            More flags of the API server.
        """
        plane = ControlPlane.start(folder, **more)
        plane.define()
        plane.start_controllers(kube_api_qps=_REQUESTS_PER_S, kube_api_burst=_REQUESTS_PER_S)
        world = cls(plane)
        world.play(run_s, nodes, gpus)
        return world

    def play(self, run_s: float | None, nodes: int, gpus: int) -> None:
        """Start the scheduler and kwok, and make the nodes."""
        binaries.build(("kube-scheduler", "kwok"))
        found = [_node(f"fake-{n}", gpus) for n in range(nodes)]
        for node in found:
            self.plane.request("POST", "/api/v1/nodes", node)
            # Admission taints every new node, and its controller is not there to take that back.
            path = f"/api/v1/nodes/{node['metadata']['name']}"
            untainted = {"spec": {"taints": None}}
            self.plane.request("PATCH", path, untainted, "application/merge-patch+json")
        stages = self.plane.folder / "stages.yaml"
        stages.write_text("\n---\n".join(json.dumps(stage) for stage in _stages(run_s)))
        asks = {"kube_api_qps": _REQUESTS_PER_S, "kube_api_burst": _REQUESTS_PER_S}
        kubeconfig = self.plane.kubeconfig
        self.plane.processes.start(
            "kube-scheduler",
            ["kube-scheduler",
             *flags(kubeconfig=kubeconfig, secure_port=0, leader_elect="false", **asks)],
        )  # fmt: skip
        self.plane.processes.start(
            "kwok",
            ["kwok", "--manage-all-nodes", *flags(kubeconfig=kubeconfig, config=stages)],
        )

    def stop(self) -> None:
        """End everything."""
        for name in ("kwok", "kube-scheduler"):
            self.plane.processes.stop(name)
        self.plane.stop()


def _node(name: str, gpus: int) -> Raw:
    room = {"cpu": "10000", "memory": "100Ti", "pods": "10000", GPU: str(gpus)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"capacity": room, "allocatable": room},
    }


def _stages(run_s: float | None) -> list[Raw]:
    new = _when('.status.conditions.[] | select(.type == "Ready") | .status', "NotIn", "True")
    alive = _when(".metadata.deletionTimestamp", "DoesNotExist")
    waits = [alive, _when(".status.phase", "In", "Pending")]
    runs = [
        alive,
        _when(".status.phase", "In", "Running"),
        _when(".metadata.ownerReferences.[].kind", "In", "Job"),
    ]
    found = [
        _stage("be-ready", [new], {"statusTemplate": _NODE}, kind="Node"),
        _stage("run", waits, {"statusTemplate": _CONTAINERS % ("Running", "True", "true", _RUNS)}),
        _stage("go", [_when(".metadata.deletionTimestamp", "Exists")], {"delete": True}),
    ]
    if run_s is not None:
        ends = {"statusTemplate": _CONTAINERS % ("Succeeded", "False", "false", _DONE)}
        found.append(_stage("succeed", runs, ends, delay_ms=round(run_s * 1000)))
    return found


def _when(key: str, operator: str, *values: str) -> Raw:
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def _stage(
    name: str, expressions: list[Raw], following: Raw, *, kind: str = "Pod", delay_ms: int = 0
) -> Raw:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "delay": {"durationMilliseconds": delay_ms},
            "next": following,
        },
    }
