"""Pods that are played: they run for a moment, leave the result of a run, and nothing trains."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.scale import made_result

from clm_api import environment
from clm_api.layout import RunLayout, replay_report
from clm_api.timing import slot_of
from tests.support.control_plane import ControlPlane
from tests.support.store_server import StoreServer

Raw = dict[str, Any]
PASSES = {"sharpe": 2.1, "winRate": 0.6, "profitFactor": 1.9, "maxDrawdown": 0.06, "trades": 60}
_FILES = {"report.html": b"h" * 900, "model.ubj": b"m" * 900}
_LOOK_S = 0.2


@dataclass
class Pod:
    """What became of one pod; times in seconds of one and the same clock."""

    schedule: str
    is_replay: bool
    gpus: int
    began: float
    ended: float | None = None
    succeeded: bool = False

    @property
    def gpu_s(self) -> float:
        """For how long it held its GPUs, times their number."""
        return self.gpus * ((self.ended or time.monotonic()) - self.began)


@dataclass
class PlayedPods:
    """Plays all pods of one namespace, whose bucket has its name, until it is stopped.

    Parameters
    ----------
    run_s
        How long a pod runs.
    held
        Schedules whose pods run on until their name is taken out; ``replays`` holds replays.
    """

    plane: ControlPlane
    store: StoreServer
    namespace: str
    run_s: float
    held: set[str] = field(default_factory=set)
    pods: dict[str, Pod] = field(default_factory=dict)
    most_gpus: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(30)

    @property
    def succeeded(self) -> int:
        """How many pods have ended well."""
        return sum(p.succeeded for p in list(self.pods.values()))

    def running(self, schedule: str, *, replay: bool = False) -> bool:
        """Whether a pod of a schedule runs."""
        found = [
            p for p in list(self.pods.values()) if (p.schedule, p.is_replay) == (schedule, replay)
        ]
        return any(p.ended is None for p in found)

    def _loop(self) -> None:
        while not self._stop.wait(_LOOK_S):
            for pod in self.plane.list(self.namespace, "pods"):
                self._look(pod)
            now = Counter(p.ended is None for p in self.pods.values() for _ in range(p.gpus))
            self.most_gpus = max(self.most_gpus, now[True])

    def _look(self, pod: Raw) -> None:
        uid, play = pod["metadata"]["uid"], self.pods.get(pod["metadata"]["uid"])
        if "deletionTimestamp" in pod["metadata"]:
            self._remove(pod, play)
        elif play is None and self._has_keys(pod):
            container = pod["spec"]["containers"][0]
            gpus = container.get("resources", {}).get("limits", {}).get("nvidia.com/gpu", 0)
            told = _told(pod)
            schedule, is_replay = told[environment.RUN_SCHEDULE], environment.REPLAY_TASK in told
            self.pods[uid] = Pod(schedule, is_replay, int(gpus), time.monotonic())
            self._put_phase(pod, "Running", {"running": {"startedAt": _stamp()}})
        elif play is not None and play.ended is None and self._is_over(play):
            self._leave_replay(pod) if play.is_replay else self._leave_run(pod)
            play.ended, play.succeeded = time.monotonic(), True
            done = {"exitCode": 0, "reason": "Completed", "startedAt": _stamp()}
            self._put_phase(pod, "Succeeded", {"terminated": done | {"finishedAt": _stamp()}})

    def _is_over(self, play: Pod) -> bool:
        held = "replays" if play.is_replay else play.schedule
        return held not in self.held and time.monotonic() - play.began >= self.run_s

    def _remove(self, pod: Raw, play: Pod | None) -> None:
        if play is not None and play.ended is None:
            play.ended = time.monotonic()
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        self.plane.request("DELETE", path, {"gracePeriodSeconds": 0})

    def _has_keys(self, pod: Raw) -> bool:
        named = (one["secretRef"]["name"] for one in pod["spec"]["containers"][0]["envFrom"])
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        return all(self.plane.request("GET", f"{path}/{name}") for name in named)

    def _leave_run(self, pod: Raw) -> None:
        told, attempt = _told(pod), pod["metadata"]["uid"]
        layout = RunLayout(
            self.namespace, told[environment.RUN_SCHEDULE], told[environment.RUN_UID]
        )
        made = made_result.Made(_stamp(), PASSES, _FILES)
        files = made.files()
        for name, content in files.items():
            self.store.put(self.namespace, layout.attempt_file(attempt, name), content)
        self._write(layout.manifest, made_result.manifest(layout, attempt, files, made.until))

    def _leave_replay(self, pod: Raw) -> None:
        told = _told(pod)
        task = json.loads(told[environment.REPLAY_TASK])
        report: Raw = {"task": task, "codeRevision": "0", "createdAt": _stamp()}
        if (one := task.get("champion")) is not None:
            report["live"] = {
                "version": one["version"], "sha256": one["sha256"], "from": one["since"],
                "to": task["slot"], "bars": 24, "metrics": PASSES,
            }  # fmt: skip
        key = replay_report(
            self.namespace, told[environment.RUN_SCHEDULE], told[environment.RUN_UID],
            slot_of(datetime.fromisoformat(task["slot"])),
        )  # fmt: skip
        self._write(key, report)

    def _write(self, key: str, content: Raw) -> None:
        self.store.put(self.namespace, key, json.dumps(content).encode())

    def _put_phase(self, pod: Raw, phase: str, state: Raw) -> None:
        container = {
            "name": pod["spec"]["containers"][0]["name"], "image": "x", "imageID": "",
            "ready": False, "restartCount": 0, "state": state,
        }  # fmt: skip
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status"
        body = {"status": {"phase": phase, "containerStatuses": [container]}}
        self.plane.request("PATCH", path, body, "application/merge-patch+json")


def _told(pod: Raw) -> dict[str, str]:
    """Return the environment of a pod's trainer."""
    return {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
