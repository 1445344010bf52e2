"""Plays a pod of a simulation: slots of nothing, and a report whose numbers are known.

``python -m tests.support.played_pod [fail|slow]``; told by the environment as a trainer is.
"""

import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from clm_api import environment
from clm_api.layout import RunLayout, SimulationLayout
from clm_api.past import past_slots, share
from clm_api.report import ManifestFile
from clm_api.simulation_task import (
    OverfittingResult,
    SimulationManifest,
    SimulationResult,
    SimulationTask,
    TaskVariant,
    VariantOrigin,
    VariantResult,
)
from clm_api.timing import slot_of
from clm_trainer.storage import Storage

SHARPE, RETURN, OVERFITTING = 1.25, 0.125, 0.375
NONE = "0" * 64


def main(how: str) -> int:
    """Play."""
    told = os.environ
    layout = SimulationLayout(
        told[environment.RUN_NAMESPACE], told[environment.RUN_SCHEDULE], told[environment.RUN_UID]
    )
    store = Storage(told[environment.STORE_URL])
    raw = store.get(layout.task)
    assert raw is not None
    assert hashlib.sha256(raw).hexdigest() == told[environment.TASK_SHA256]
    task = SimulationTask.model_validate_json(raw)
    if environment.VARIANT not in told:
        _reduce(store, layout, task, told[environment.ATTEMPT])
        return 0
    name, index = told[environment.VARIANT], int(told[environment.INDEX])
    (variant,) = (one for one in task.variants if one.name == name)
    if how == "fail":
        last = {"code": 65, "reason": "DataGap", "message": "a hole of 99 bars"}
        Path(told[environment.TERMINATION_LOG]).write_text(json.dumps(last))
        return 65
    done = b""
    for slot in share(_slots(task, variant), index, variant.indices):
        store.put(layout.slot(name, slot_of(slot)), b"slot")
        done += b"."
        store.put(layout.progress_of(name, index), done)
        time.sleep(3 if how == "slow" else 0)
    return 0


def _slots(task: SimulationTask, variant: TaskVariant) -> list[datetime]:
    return past_slots(variant.schedule, task.from_, task.to)


def _reduce(store: Storage, layout: SimulationLayout, task: SimulationTask, attempt: str) -> None:
    for one in task.variants:
        for slot in _slots(task, one):
            assert store.get(layout.slot(one.name, slot_of(slot))), "every slot is there"
    results = SimulationResult(
        variants=[
            VariantResult(
                name=one.name, versions=len(_slots(task, one)), failed=1, passed=number,
                promotions=1, production={"sharpe": SHARPE + number, "totalReturn": RETURN},
                buy_and_hold=0.5,
            )
            for number, one in enumerate(task.variants)
        ],
        overfitting=OverfittingResult(probability=OVERFITTING, trials=4),
    )  # fmt: skip
    contents = {
        "results.json": results.model_dump_json(by_alias=True).encode(),
        "report.html": b"<html></html>",
    }
    files = []
    for file, content in contents.items():
        store.put(layout.attempt_file(attempt, file), content)
        files.append(
            ManifestFile.model_validate(
                {
                    "path": RunLayout.relative_file(attempt, file),
                    "size": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "format": file.split(".")[1],
                }
            )
        )
    manifest = SimulationManifest(
        attempt=attempt, files=files, task_sha256=os.environ[environment.TASK_SHA256],
        code_revision="played", libraries={},
        variants=[
            VariantOrigin(
                name=one.name, image=one.run.pod.image, seed=one.run.model.seed,
                from_=one.run.data.from_, to=one.run.data.to, bars=1, bars_sha256=NONE,
                fingerprint=NONE,
            )
            for one in task.variants
        ],
        created_at=datetime.now(UTC),
    )  # fmt: skip
    store.put(layout.manifest, manifest.model_dump_json(by_alias=True).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
