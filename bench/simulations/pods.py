"""What pods would have left in the store, written as they would have written it."""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.scale.world import JOBS, NAMESPACE, World
from bench.simulations.load import STEPS, Load
from clm_api.layout import SimulationLayout
from clm_api.simulation_task import SimulationManifest, SimulationResult, SimulationTask
from clm_operator.names import LABEL_SIMULATION, reduce_job, variant_job

Raw = dict[str, Any]
_LOOK_S = 1.0
_THREADS = 8
_ATTEMPT, _RESULTS, _PAGE = "pod", "results.json", "report.html"
_FIGURES = {
    "versions": 200, "failed": 1, "passed": 20, "promotions": 12, "buyAndHold": 0.4,
    "production": {"totalReturn": 0.05, "sharpe": 0.6, "maxDrawdown": 0.2}, "deflatedSharpe": 0.3,
}  # fmt: skip
Write = tuple[str, bytes]


@dataclass
class PlayedPods(threading.Thread):
    """Looks at the Jobs and writes what their pods would have written by then."""

    world: World
    load: Load
    written: int = 0
    """Objects."""
    most: int = 0
    """Pods that were active at once."""
    _done: dict[str, int] = field(default_factory=dict)
    """Steps of each Job that are told."""
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Write until it is stopped."""
        with ThreadPoolExecutor(_THREADS) as pool:
            while not self._over.wait(_LOOK_S):
                jobs = list(self.world.admin.items(f"{JOBS}?labelSelector={LABEL_SIMULATION}"))
                active = sum(job.get("status", {}).get("active", 0) for job in jobs)
                self.most = max(self.most, active)
                now = time.time()
                for job in jobs:
                    todo = list(self._writes(job, now))
                    list(pool.map(lambda one: self.world.minio.put(NAMESPACE, *one), todo))
                    self.written += len(todo)

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join()

    def _writes(self, job: Raw, now: float) -> Iterator[Write]:
        meta, began = job["metadata"], job.get("status", {}).get("startTime")
        simulation = meta["labels"][LABEL_SIMULATION]
        layout = SimulationLayout(NAMESPACE, simulation, meta["ownerReferences"][0]["uid"])
        if began is None:
            return
        elapsed = now - datetime.fromisoformat(began).timestamp()
        step = min(int(STEPS * elapsed / self.load.run_s), STEPS)
        before = self._done.get(meta["name"], -1)
        if step <= before:
            return
        self._done[meta["name"]] = step
        if meta["name"] == reduce_job(simulation):
            if before < 0:
                yield from _report(layout, self._task(layout))
            return
        number = next(n for n in range(self.load.variants)
                      if meta["name"] == variant_job(simulation, n))  # fmt: skip
        for index in range(job["spec"]["completions"]):
            yield (layout.progress_of(f"seed-{number}", index),
                   b"." * (self.load.slots * step // STEPS))  # fmt: skip

    def _task(self, layout: SimulationLayout) -> bytes:
        return self.world.minio.read(NAMESPACE, layout.task)


def _report(layout: SimulationLayout, content: bytes) -> Iterator[Write]:
    """Yield the files of a reducing pod; the manifest comes last."""
    task = SimulationTask.model_validate_json(content)
    rows = [{"name": one.name, **_FIGURES} for one in task.variants]
    result = SimulationResult.model_validate(
        {"variants": rows, "overfitting": {"probability": 0.5, "trials": 398}, "judged": 398}
    )
    files = {_RESULTS: result.model_dump_json(by_alias=True).encode(), _PAGE: b"<h1>played</h1>"}
    for name, written in files.items():
        yield layout.attempt_file(_ATTEMPT, name), written
    manifest = SimulationManifest.model_validate(
        {
            "attempt": _ATTEMPT,
            "files": [
                {
                    "path": layout.attempt_file(_ATTEMPT, name).removeprefix(f"{layout.prefix}/"),
                    "size": len(written),
                    "sha256": _digest(written),
                    "format": name.rpartition(".")[2],
                }
                for name, written in files.items()
            ],
            "taskSha256": _digest(content),
            "codeRevision": "played",
            "libraries": {},
            "variants": [
                {
                    "name": one.name, "image": "trainer:none", "seed": one.run.model.seed,
                    "from": one.run.data.from_, "to": one.run.data.to, "bars": 1,
                    "barsSha256": "0" * 64, "fingerprint": "0" * 64,
                }
                for one in task.variants
            ],
            "createdAt": datetime.now(UTC),
        }
    )  # fmt: skip
    yield layout.manifest, manifest.model_dump_json(by_alias=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
