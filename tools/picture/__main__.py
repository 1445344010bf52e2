"""Simulate a schedule on the bundled bars, show its versions on the dashboard, take the picture."""

import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from tests.cli.dashboard.browsing import Visit, chromium
from tests.cli.dashboard.served import nowhere, served
from tests.support.repository import BARS, ROOT

from clm_cli.cluster import Cluster
from clm_cli.dashboard.actions import Ledger
from clm_cli.dashboard.app import Desk
from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.world import Kind, Source
from tools.picture.objects import NAME, NAMESPACE, Past, objects

_FROM, _TO = "2024-02-05", "2024-03-20"
_SCHEDULE = ROOT / "tools" / "picture" / "schedule.yaml"
_TARGET = ROOT / "docs" / "pictures" / "dashboard.png"
_KINDS = {"TrainingSchedule": Kind.SCHEDULES, "ModelVersion": Kind.VERSIONS}
_WIDTH, _HEIGHT = 1200, 1082


def main() -> None:
    """Write docs/pictures/dashboard.png."""
    with tempfile.TemporaryDirectory() as folder:
        past = Past.read(_simulated(Path(folder)), _SCHEDULE)
        os.environ["KUBECONFIG"] = str(nowhere(Path(folder)))
        take(past, _TARGET)
    print(_TARGET, _TARGET.stat().st_size, "bytes")


def _simulated(folder: Path) -> Path:
    """Train and judge all slots of the schedule on the bundled bars; return what came of it."""
    clm, store = Path(sys.executable).parent / "clm", folder / "store"
    for symbol, path in BARS.items():
        _run(clm, "data", "import", path, "--symbol", symbol, "--store", store)
    span = ("--from", _FROM, "--to", _TO)
    _run(clm, "simulate", _SCHEDULE, *span, "--store", store, "--out", folder / "simulations")
    (found,) = (folder / "simulations").glob("*/simulation.json")
    return found


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)


def take(past: Past, target: Path) -> None:
    """Show the versions on the schedule's page and keep what is seen."""
    known, now = Objects(), past.now

    def clock() -> datetime:
        return now

    for raw in objects(past):
        known.put(_KINDS[raw["kind"]], raw)
    for kind in Kind:
        known.say(Source(kind, (NAMESPACE,), listed=True))
    desk = Desk(known, clock, Ledger(Cluster(None), clock), user="alice")
    with served(desk) as board, chromium() as browser:
        size = {"width": _WIDTH, "height": _HEIGHT}
        visit = Visit.begin(browser, board.guard.address, viewport=size, timezone_id="UTC")
        visit.open(f"/ns/{NAMESPACE}/schedules/{NAME}")
        target.parent.mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=target)
        visit.context.close()


if __name__ == "__main__":
    main()
