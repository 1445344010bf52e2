"""``clm data prune --orphans``: only what nothing in the cluster names, and only when told to."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clm_api.layout import (
    RunLayout,
    SimulationLayout,
    newest_signal,
    production_pointer,
    replay_report,
)
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.cli.test_simulate_cluster import simulation

RUNNER = CliRunner(env={"COLUMNS": "200"})


@pytest.fixture
def store(api: Namespace, tmp_path: Path) -> Storage:
    """A live version's run, a deleted one's that is in production, and what nobody names."""
    objects = Storage(str(tmp_path / "store"))
    owner = api.put(schedule())
    version = api.put(judged(owner, "btc-1"))
    deleted = RunLayout(api.name, "btc-eth", "deleted-in-production")
    uri = objects.address(deleted.manifest)
    owner["status"]["production"] = {
        "version": "btc-0", "since": "2025-12-02T06:00:00Z", "approvedBy": "bob", "reason": "x",
        "artifact": {"uri": uri, "sha256": "0" * 64},
    }  # fmt: skip
    api.put(owner)
    for layout in (
        RunLayout(api.name, "btc-eth", version["metadata"]["uid"]),
        deleted,
        RunLayout(api.name, "btc-eth", "orphan"),
        RunLayout(api.name, "vanished", "orphan-too"),
        RunLayout("elsewhere", "btc-eth", "not-of-this-namespace"),
    ):
        objects.put(layout.progress("pod"), b"{}")
        objects.put(layout.manifest, b"{}")
    objects.put(RunLayout(api.name, "btc-eth", "orphan").tombstone, b"{}")
    for name, uid in (("btc-eth", owner["metadata"]["uid"]), ("vanished", "gone")):
        pointer = {
            "scheduleUid": uid, "version": f"{name}-1", "manifest": uri, "sha256": "0" * 64,
            "since": "2025-12-02T06:00:00Z",
        }  # fmt: skip
        objects.put(production_pointer(api.name, name), json.dumps(pointer).encode())
        positions: dict[str, Any] = {
            "scheduleUid": uid, "namespace": api.name, "schedule": name, "positions": [],
            "decidedAt": "2025-12-02T06:00:00Z", "since": "2025-12-02T06:00:00Z",
        }  # fmt: skip
        objects.put(newest_signal(api.name, name), json.dumps(positions).encode())
    for name, uid in (("btc-eth", owner["metadata"]["uid"]), ("vanished", "gone")):
        objects.put(replay_report(api.name, name, uid, 29400000), b"{}")
    alive = api.put(simulation() | {"status": {}})["metadata"]["uid"]
    for name, uid in (("choice", alive), ("vanished", "orphan")):
        place = SimulationLayout(api.name, name, uid)
        objects.put(place.task, b"{}")
        objects.put(place.slot("as-is", 29400000), b"slot")
        objects.put(place.manifest, b"{}")
    objects.put("bars/v1/binance/spot/BTC-USDT/1h/2025-01.parquet", b"bars")
    return objects


def test_what_nobody_names_is_removed_and_nothing_else(api: Namespace, store: Storage) -> None:
    before = store.list("")
    arguments = ["data", "prune", "--orphans", "--store", store.url]
    asked = RUNNER.invoke(app, arguments, input="n\n")
    assert asked.exit_code == 1
    assert store.list("") == before, "a no removes nothing"
    assert "knows none of these 6" in asked.stdout
    told = RUNNER.invoke(app, [*arguments, "--yes"], catch_exceptions=False)
    assert told.stdout.splitlines()[:6] == [
        f"runs/{api.name}/btc-eth/orphan  3 objects",
        f"runs/{api.name}/vanished/orphan-too  2 objects",
        f"evaluations/{api.name}/vanished/gone  1 objects",
        f"simulations/{api.name}/vanished/orphan  3 objects",
        f"production/{api.name}/vanished.json  1 objects",
        f"signals/{api.name}/vanished.json  1 objects",
    ]
    gone = set(before) - set(store.list(""))
    assert len(gone) == 11
    assert all("orphan" in path or "vanished" in path for path in gone)
    again = RUNNER.invoke(app, arguments, catch_exceptions=False)
    assert "is orphaned" in again.stdout


def test_what_to_prune_must_be_said(store: Storage) -> None:
    result = RUNNER.invoke(app, ["data", "prune", "--store", store.url])
    assert result.exit_code == 2
    assert "--orphans" in result.stderr
