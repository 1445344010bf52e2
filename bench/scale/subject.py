"""The operator that is measured: a process of its own, perhaps of another checkout."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.operator_process import OperatorProcess
from tests.support.shifted_operator import AHEAD

from bench.scale.audit import OPERATOR, Request
from bench.scale.meter import OPERATOR_CPU, Reading, between, memory_mb, samples, total
from bench.scale.world import World

_LOOK_S = 0.5
_ECHO_S = 1.0
_BUSY = 0.25
"""Share of a core above which it is at work."""
_SURELY_S = 15.0
"""So long a calm is a rest, however few keys were reconciled."""


def sources(repo: Path) -> dict[str, str]:
    """The environment in which Python finds a checkout's operator.

    Raises
    ------
    SystemExit
        There is none.
    """
    path = os.pathsep.join(str(repo / part / "src") for part in ("crds", "operator"))
    environment = {"PYTHONPATH": path}
    code = "import clm_operator; print(clm_operator.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not found.stdout.startswith(str(repo)):
        sys.exit(f"{repo}: no operator in this checkout: {found.stderr or found.stdout}")
    return environment


@dataclass
class Subject:
    """A running operator.

    Parameters
    ----------
    ahead
        How far its clock is ahead of the machine's.
    """

    world: World
    user: str
    process: OperatorProcess
    ahead: timedelta = field(default=timedelta(0))

    @classmethod
    def start(
        cls,
        world: World,
        user: str = OPERATOR,
        ahead: timedelta = timedelta(0),
        credentials: str = "Static",
    ) -> "Subject":
        """Start it and wait until it has seen the API server.

        Raises
        ------
        AssertionError
            It ended.
        """
        environment = world.minio.environment() | sources(world.repo)
        module = "clm_operator"
        if ahead:
            path = world.folder / "ahead"
            path.write_text(str(ahead.total_seconds()))
            environment |= {AHEAD: str(path)}
            module = "tests.support.shifted_operator"
        process = OperatorProcess.start(
            world.folder / "operator", world.config(credentials), world.kubeconfig(user),
            environment, module,
        )  # fmt: skip
        assert not process.ended, process.log.read_text()[-2000:]
        return cls(world, user, process, ahead)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.process.pid

    def now(self) -> datetime:
        """Its time."""
        return datetime.now(UTC) + self.ahead

    def reading(self) -> Reading:
        """What it and the servers have used so far."""
        return self.world.reading(self.pid)

    def metrics(self) -> dict[str, float]:
        """Its metrics; empty if it does not answer. With many schedules that costs it a second."""
        status, text = self.process.get("/metrics")
        return samples(text) if status == 200 else {}

    def rounds(self) -> int:
        """How many keys it has reconciled."""
        return int(total(self.metrics(), "clm_reconcile_total"))

    def requests(self, since: Reading) -> list[Request]:
        """Its requests since a reading."""
        found = self.world.audit.read()[since.requests :]
        return [request for request in found if request.user == self.user]

    def written(self, start: Reading, end: Reading) -> int:
        """How many of its requests between two readings were writes."""
        found = self.world.audit.read()[start.requests : end.requests]
        return sum(request.writes for request in found if request.user == self.user)

    def settled(self, limit_s: float, quiet_s: float = 3.0) -> tuple[Reading, bool]:
        """Wait until it writes nothing any more.

        Returns
        -------
        tuple
            The reading a second after the last write, in which it has seen its echo, and whether
            that came in time.
        """
        last, end = self.reading(), time.monotonic() + limit_s
        echoed: Reading | None = None
        while time.monotonic() < end:
            time.sleep(_LOOK_S)
            now = self.reading()
            if self.written(last, now):
                last, echoed = now, None
            elif echoed is None and now.at - last.at >= _ECHO_S:
                echoed = now
            if echoed is not None and now.at - last.at >= quiet_s:
                return echoed, True
        return self.reading(), False

    def rested(self, least: int, limit_s: float, quiet_s: float = 3.0) -> tuple[Reading, bool]:
        """Wait until ``least`` keys are reconciled and it neither writes nor works.

        Returns
        -------
        tuple
            The last reading, and whether the rest came in time.
        """
        end = time.monotonic() + limit_s
        since = last = self.reading()
        ask_at = since.at + quiet_s
        while time.monotonic() < end:
            time.sleep(_LOOK_S)
            now = self.reading()
            if self._works(last, now):
                since, ask_at = now, now.at + quiet_s
            last = now
            if now.at < ask_at:
                continue
            if self._is_done(least, surely=now.at - since.at > _SURELY_S):
                return now, True
            last, ask_at = self.reading(), now.at + quiet_s
        return self.reading(), False

    def _works(self, last: Reading, now: Reading) -> bool:
        used = now.cpus[OPERATOR_CPU] - last.cpus[OPERATOR_CPU]
        return used > _BUSY * (now.at - last.at) or self.written(last, now) > 0

    def _is_done(self, least: int, *, surely: bool) -> bool:
        metrics = self.metrics()
        if not metrics or metrics.get("clm_queue_depth"):
            return False
        return surely or total(metrics, "clm_reconcile_total") >= least

    def used(self, start: Reading, end: Reading) -> dict[str, Any]:
        """What it and the servers did between two readings, and its memory now."""
        log = self.world.audit.read()
        return between(start, end, log, self.user) | memory_mb(self.pid)

    def stop(self) -> None:
        """End it."""
        if not self.process.ended:
            try:
                self.process.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()


@contextmanager
def running(world: World, **options: Any) -> Iterator[Subject]:
    """An operator that runs while a block does."""
    subject = Subject.start(world, **options)
    try:
        yield subject
    finally:
        subject.stop()
