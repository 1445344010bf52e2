"""A kubelet that runs training pods as processes: real trainer, real Job controller, no node.

Pods that ask for a GPU, or name a node selector, stay Pending with the scheduler's words.
"""

import base64
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.control_plane import ControlPlane

Raw = dict[str, Any]


@dataclass
class ProcessKubelet:
    """Runs the pods of one namespace."""

    plane: ControlPlane
    namespace: str
    folder: Path
    overrides: dict[str, str] = field(default_factory=dict)
    """Laid over the containers' environment, to spoil it."""
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    replace_command: list[str] | None = None
    """Run this instead of the trainer, to play a pod that is killed."""
    ready: bool = False
    """Say of running pods that they are ready, as a kubelet does: Jobs count them."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it with the processes that it started."""
        self._stop.set()
        self._thread.join(30)
        for process in self.started.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    def _loop(self) -> None:
        while not self._stop.wait(0.2):
            for pod in self.plane.list(self.namespace, "pods"):
                self._look(pod)

    def _look(self, pod: Raw) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        phase = pod.get("status", {}).get("phase", "Pending")
        process = self.started.get(uid)
        if "deletionTimestamp" in pod["metadata"]:
            if process is not None and process.poll() is None:
                process.terminate()
            path = f"/api/v1/namespaces/{self.namespace}/pods/{name}"
            self.plane.request("DELETE", path, {"gracePeriodSeconds": 0})
        elif phase == "Pending" and process is None:
            self._begin(pod)
        elif process is not None and process.poll() is not None and phase == "Running":
            self._report_end(pod, process.returncode)

    def _begin(self, pod: Raw) -> None:
        container = pod["spec"]["containers"][0]
        limits = container.get("resources", {}).get("limits", {})
        gpus = [key for key in limits if "/" in key]
        if gpus or pod["spec"].get("nodeSelector"):
            text = (
                f"0/1 nodes are available: 1 Insufficient {gpus[0] if gpus else 'matching node'}."
            )
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            self._patch(pod, {"phase": "Pending", "conditions": [condition | {"message": text}]})
            return
        lent = self._from_secrets(container)
        if lent is None:
            waits = {"reason": "CreateContainerConfigError", "message": "secret not found"}
            self._patch(
                pod, {"phase": "Pending", "containerStatuses": [_container({"waiting": waits})]}
            )
            return
        uid = pod["metadata"]["uid"]
        values = {item["name"]: _value(pod, item) for item in container["env"]}
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env = own | lent | values | self.overrides
        env["CLM_TERMINATION_LOG"] = str(self.folder / f"{uid}.termination")
        command = self.replace_command or [sys.executable, "-m", "clm_trainer", *container["args"]]
        with (self.folder / f"{uid}.log").open("wb") as log:
            self.started[uid] = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        state = {"running": {"startedAt": _now()}}
        conditions = [{"type": "Ready", "status": "True"}] if self.ready else []
        running = {"phase": "Running", "containerStatuses": [_container(state)]}
        self._patch(pod, running | {"conditions": conditions} if conditions else running)

    def _from_secrets(self, container: Raw) -> dict[str, str] | None:
        """Return what envFrom brings; None while a Secret is missing."""
        found: dict[str, str] = {}
        for source in container["envFrom"]:
            name = source["secretRef"]["name"]
            path = f"/api/v1/namespaces/{self.namespace}/secrets/{name}"
            secret = self.plane.request("GET", path)
            if secret is None:
                return None
            data = secret.get("data", {})
            found |= {key: base64.b64decode(value).decode() for key, value in data.items()}
        return found

    def _report_end(self, pod: Raw, code: int) -> None:
        path = self.folder / f"{pod['metadata']['uid']}.termination"
        exit_code = 128 - code if code < 0 else code
        state = {
            "terminated": {
                "exitCode": exit_code,
                "reason": "OOMKilled" if code == -9 else "Completed" if code == 0 else "Error",
                "message": path.read_text() if path.exists() else "",
                "startedAt": pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"],
                "finishedAt": _now(),
            }
        }
        phase = "Succeeded" if exit_code == 0 else "Failed"
        self._patch(pod, {"phase": phase, "containerStatuses": [_container(state)]})

    def _patch(self, pod: Raw, status: Raw) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status"
        self.plane.request("PATCH", path, {"status": status}, "application/merge-patch+json")


def _value(pod: Raw, item: Raw) -> str:
    """Return a variable's value, where it stands or from the field that it names."""
    if "value" in item:
        return str(item["value"])
    path = str(item["valueFrom"]["fieldRef"]["fieldPath"])
    if path == "metadata.uid":
        return str(pod["metadata"]["uid"])
    part, _, key = path.removeprefix("metadata.").removesuffix("']").partition("['")
    return str(pod["metadata"][part][key])


def _container(state: Raw) -> Raw:
    return {
        "name": "trainer", "image": "x", "imageID": "", "ready": False, "restartCount": 0,
        "state": state,
    }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
