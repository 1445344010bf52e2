"""What must hold at every moment of every cluster test, seen by an independent watcher."""

import threading
from typing import Any

from tests.operator.rig import CANARY, Rig

Raw = dict[str, Any]
_ORDER = {"": 0, "Pending": 1, "Running": 2, "Succeeded": 3, "Failed": 3}
_PUT_BACK = ("Preempted", "Held")
"""A queue may take a run's place away: it waits again."""


class Watcher:
    """Looks again and again while a test runs, and remembers every breach."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._stop = rig, threading.Event()
        self._phases: dict[str, str] = {}
        self.breaches: list[str] = []
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop, look a last time, and fail if anything was ever wrong."""
        self._stop.set()
        self._thread.join(30)
        self.look()
        assert not self.breaches, "\n".join(self.breaches)
        assert CANARY not in self._rig.dump(), "a secret appears in an object"
        for operator in self._rig.operators:
            assert CANARY not in operator.log.read_text(), "a secret appears in a log"

    def _loop(self) -> None:
        while not self._stop.wait(0.5):
            self.look()

    def look(self) -> None:
        """Look once."""
        slots: dict[tuple[str, str], int] = {}
        versions = self._rig.versions()
        for version in versions:
            self._check_version(version, slots)
        self._check_production(versions)
        jobs: dict[str, int] = {}
        for job in self._rig.plane.list(self._rig.namespace, "jobs"):
            owner = job["metadata"]["ownerReferences"][0]
            if owner["kind"] == "ModelVersion":
                jobs[owner["uid"]] = jobs.get(owner["uid"], 0) + 1
        self._expect(all(n == 1 for n in slots.values()), f"two versions of one slot: {slots}")
        self._expect(all(n == 1 for n in jobs.values()), f"two Jobs of one version: {jobs}")
        for schedule in self._rig.plane.list(self._rig.namespace, "tsched"):
            self._no_finalizer(schedule)

    def _check_version(self, version: Raw, slots: dict[tuple[str, str], int]) -> None:
        meta, spec = version["metadata"], version["spec"]
        if spec["trigger"]["type"] in ("Initial", "Scheduled"):
            key = (spec["scheduleRef"]["uid"], spec["slot"])
            slots[key] = slots.get(key, 0) + 1
        phase = version.get("status", {}).get("phase", "")
        before = self._phases.get(meta["uid"], "")
        forward = _ORDER[phase] >= _ORDER[before] and (_ORDER[before] < 3 or phase == before)
        queue = version.get("status", {}).get("queue", {})
        forward |= (before, phase) == ("Running", "Pending") and queue.get("state") in _PUT_BACK
        self._expect(forward, f"{meta['name']} went from {before} to {phase}")
        self._phases[meta["uid"]] = phase
        self._no_finalizer(version)

    def _check_production(self, versions: list[Raw]) -> None:
        there = [v for v in versions if v.get("status", {}).get("stage") == "PRODUCTION"]
        names = [(v["spec"]["scheduleRef"]["name"], v["metadata"]["name"]) for v in there]
        self._expect(len({s for s, _ in names}) == len(names), f"two in production: {names}")
        for schedule in self._rig.plane.list(self._rig.namespace, "tsched"):
            named = schedule.get("status", {}).get("production")
            if named is None:
                continue
            judged = [v for v in versions if v["metadata"]["name"] == named["version"]]
            same = [v["status"]["artifact"]["sha256"] for v in judged] == [
                named["artifact"]["sha256"]
            ]
            self._expect(same, f"production names {named}, which was not verified")

    def _no_finalizer(self, item: Raw) -> None:
        found = [f for f in item["metadata"].get("finalizers", ()) if "/" in f]
        self._expect(not found, f"{item['metadata']['name']} has finalizers {found}")

    def _expect(self, holds: object, breach: str) -> None:
        if not holds and breach not in self.breaches:
            self.breaches.append(breach)
