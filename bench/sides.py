"""The two interpreters, each with its own libraries, driven from here one run at a time."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.rows import Row, Side

ROOT = Path(__file__).parents[1]
PYTHONS = {"ours": ROOT / ".venv/bin/python", "rival": ROOT / "bench/.venv/bin/python"}
ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""As in a pod of one CPU, where the trainer sets them; the same for both sides."""
LIMITED: dict[str, tuple[str, dict[str, str]]] = {
    "limited": ("ours", ONE),
    "default": ("library", {}),
    "default of 16": ("library", {"OMP_NUM_THREADS": "16"}),
}
"""Processes in a group of one CPU: whose thread count they use, and their environment."""


class Worker:
    """A process that waits for tasks."""

    def __init__(self, side: str, group: Path | None) -> None:
        whose, variables = LIMITED.get(side, ("", ONE))
        inherited = {name: value for name, value in os.environ.items() if name not in ONE}
        command: list[Any] = [PYTHONS.get(side, PYTHONS["ours"]), "-m"]
        command += ["bench.limited", group, whose] if whose else [f"bench.{side}"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=inherited | variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.versions = self._answer()

    def run(self, task: str, keep: Path | None = None) -> float:
        """Return the seconds that one run took."""
        assert self._process.stdin
        request = {"task": task, "keep": str(keep) if keep else None}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return float(self._answer()["seconds"])

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("bench: a side ended; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Sides:
    """Processes that wait, started when they are first asked, and some that make one backtest.

    Leaving the context ends them, whatever a row came to.
    """

    def __init__(self, folder: Path, group: Path | None) -> None:
        self._folder, self._group = folder, group
        self._workers: dict[str, Worker] = {}

    @property
    def versions(self) -> dict[str, Any]:
        return {side: worker.versions for side, worker in self._workers.items()}

    def can(self, row: Row) -> bool:
        return self._group is not None or row.ours[0] not in LIMITED

    def _worker(self, side: str) -> Worker:
        if side not in self._workers:
            self._workers[side] = Worker(side, self._group)
        return self._workers[side]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def seconds(self, side: Side) -> float:
        where, task = side
        if where == "first":
            return _first(task)[0]
        return self._worker(where).run(task)

    def result(self, side: Side) -> dict[str, Any]:
        """Run a task once, which also warms it up, and return its arrays."""
        where, task = side
        if where == "first":
            return {"equity": np.array(_first(task)[1])}
        file = self._folder / f"{where} {task}.npz"
        self._worker(where).run(task, file)
        with np.load(file) as arrays:
            return dict(arrays)


def _first(side: str) -> tuple[float, float]:
    started = time.perf_counter()
    done = subprocess.run(
        [PYTHONS[side], "-m", f"bench.{side}", "first"],
        cwd=ROOT, env=os.environ | ONE, text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return time.perf_counter() - started, float(done.stdout)
