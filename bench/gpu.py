"""Training on a GPU beside the CPU: seconds, and equal scores after loading.

``python -m bench.gpu`` on a machine with a GPU; where none is visible it says so and ends with 1.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from clm_trainer import devices
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset
from clm_trainer.testing.market import drawn
from clm_trainer.testing.subject import context, rows_of, run_spec

FAMILIES = ("nhits", "patchtst", "rl-v3")
DAYS, TAIL_DAYS, PURGE_BARS, SEED = 730, 90, 25, 7


def measured(name: str, device: str, rows: Dataset) -> dict[str, float | bool]:
    """Train a family's defaults on two years of drawn hourly bars; score, save, load, score."""
    cut = len(rows) - TAIL_DAYS * 24
    train, tail = rows.rows(0, cut - PURGE_BARS), rows.rows(cut, len(rows))
    family = registry.create(run_spec(model={"family": name}))
    begun, cpu = time.perf_counter(), time.process_time()
    fitted = family.fit(train, tail, context(SEED, device=device))
    took, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    scores = fitted.score(tail)
    with TemporaryDirectory() as folder:
        fitted.save(Path(folder))
        loaded = family.load(Path(folder), rows.names).score(tail)
    same = bool(np.array_equal(loaded, scores, equal_nan=True))
    return {"seconds": took, "cpuSeconds": cpu_s, "equalAfterLoading": same}


def main() -> int:
    """Print one line for each family and device, and write them all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--devices", nargs="+", default=("cpu", "cuda"))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if "cuda" in asked.devices and not devices.visible_gpus():
        print("no GPU is visible: run this where `nvidia-smi` lists one", file=sys.stderr)
        return 1
    rows, found = rows_of(drawn(DAYS, seed=1, strength=0.1).panel), {}
    for name in asked.families:
        for device in asked.devices:
            one = found[f"{name} on {device}"] = measured(name, device, rows)
            print(f"{name:10} {device:5} " + "  ".join(f"{k} {v:.4g}" for k, v in one.items()))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(one["equalAfterLoading"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
