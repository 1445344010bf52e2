"""A decision on the newest bar, and the parity of a shadow test: each in a process of its own.

``python -m bench.decisions`` measures this checkout. ``--before FOLDER`` measures another one in
turns, with this one's libraries; a build without live models works out ``position`` on all bars.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
TASKS = {"decision": (5, "5m", 730), "ten years": (5, "5m", 3650), "parity": (2, "1h", 760)}
"""Symbols, timeframe and days of history; the shadow test is the newest 720 of its bars."""
MOST = {
    "decision": {"milliseconds": 20.0, "megabytes": 350.0},
    "ten years": {"milliseconds": 20.0, "megabytes": 350.0},
    "parity": {"cpuSeconds": 4.0},
}
"""What this build may take."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--times", type=int, default=2, help="of each build; the least counts")
    given = parser.parse_args()
    missed = []
    builds = {"now": ROOT} | ({"before": given.before.resolve()} if given.before else {})
    for task, sizes in TASKS.items():
        for name, checkout in builds.items():
            if (task, name) == ("ten years", "before"):
                continue
            with tempfile.TemporaryDirectory() as folder:
                _asked("prepare", task, sizes, checkout, folder)
                runs = [
                    _asked("measure", task, sizes, checkout, folder) for _ in range(given.times)
                ]
            least = {key: min(one[key] for one in runs) for key in runs[0]}
            print(f"{task:10} {name:7} {json.dumps(least)}", flush=True)
            if name == "now" and any(least[key] > most for key, most in MOST[task].items()):
                missed.append(task)
    print(f"missed: {', '.join(missed)}" if missed else "all bounds kept")
    return 1 if missed else 0


def _asked(
    step: str, task: str, sizes: tuple[int, str, int], checkout: Path, folder: str
) -> dict[str, float]:
    paths = (checkout / "crds/src", checkout / "trainer-image/src")
    done = subprocess.run(
        [ROOT / ".venv/bin/python", ROOT / "bench/decisions_child.py", step, task,
         *map(str, sizes), folder],
        cwd=folder, env=os.environ | ONE | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{checkout}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
