"""Plays the pods: they begin to run, say how far they are, and end with a result in the store."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from bench.scale import made_result
from bench.scale.admin import Call
from bench.scale.world import NAMESPACE, PODS, World
from clm_api.layout import RunLayout

_LOOK_S = 0.5
Raw = dict[str, Any]


def variables_of(pod: Raw) -> dict[str, str]:
    """The environment of a pod's trainer."""
    return {e["name"]: e.get("value", "") for e in pod["spec"]["containers"][0]["env"]}


def layout_of(pod: Raw) -> RunLayout:
    """Where a pod writes."""
    variables = variables_of(pod)
    return RunLayout(NAMESPACE, variables["CLM_RUN_SCHEDULE"], variables["CLM_RUN_UID"])


def always(_: str) -> bool:
    """Every schedule's pod ends well."""
    return True


class Player:
    """Plays every pod in a thread while a block runs.

    Parameters
    ----------
    lasts_s
        How long a pod runs; None: for ever.
    says_s
        How often it says how far it is; None: once, so that a poll finds nothing new.
    succeeds
        Whether a schedule's pod ends well; the others fail at once.
    """

    def __init__(
        self,
        world: World,
        lasts_s: float | None,
        says_s: float | None,
        succeeds: Callable[[str], bool] = always,
    ) -> None:
        self._world, self._lasts_s, self._says_s = world, lasts_s, says_s
        self._succeeds = succeeds
        self._began: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _play(self) -> None:
        try:
            while not self._ended.wait(_LOOK_S):
                for pod in self._world.admin.items(PODS):
                    self._look(pod)
        except Exception as error:  # noqa: BLE001  raised where the block ends
            self._failure = error

    def _look(self, pod: Raw) -> None:
        uid, now = pod["metadata"]["uid"], time.monotonic()
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        layout = layout_of(pod)
        if uid not in self._began:
            self._began[uid] = now
            put_phase(self._world, pod, "Running", {"running": {"startedAt": stamp()}})
            self._say(layout, uid, 0)
        elif not self._succeeds(layout.schedule):
            self._end(pod, 1)
        elif self._lasts_s is not None and now - self._began[uid] >= self._lasts_s:
            made_result.put(self._world, layout, uid)
            self._end(pod, 0)
        elif self._says_s is not None and now - self._said[uid] >= self._says_s:
            self._say(layout, uid, int(now - self._began[uid]))

    def _say(self, layout: RunLayout, uid: str, percent: int) -> None:
        self._said[uid] = time.monotonic()
        progress = {
            "stage": "train",
            "percent": percent % 100,
            "message": f"round {percent}",
            "lastUpdatedTime": stamp(),
        }
        made_result.write(self._world, layout.progress(uid), progress)

    def _end(self, pod: Raw, code: int) -> None:
        ended = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": stamp(),
            "finishedAt": stamp(),
        }
        put_phase(self._world, pod, "Failed" if code else "Succeeded", {"terminated": ended})


def put_phase(world: World, pod: Raw, phase: str, state: Raw) -> None:
    """Say how a pod and its trainer's container stand, as a kubelet does."""
    container = {
        "name": pod["spec"]["containers"][0]["name"],
        "image": "trainer:none",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }
    body = {"status": {"phase": phase, "containerStatuses": [container]}}
    world.admin.send(Call("PATCH", f"{PODS}/{pod['metadata']['name']}/status", body))


def stamp() -> str:
    """The time, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
