"""``clm backup`` and ``clm restore``: nothing to save, nothing to bring back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clm_api.errors import SpecError
from clm_api.layout import production_pointer
from clm_cli.cluster import ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.cli.test_versions import HALTED

RUNNER = CliRunner(env={"COLUMNS": "200", "TZ": "UTC"})


def refused(*arguments: str) -> str:
    result = RUNNER.invoke(app, [*arguments])
    assert isinstance(result.exception, ClusterError | SpecError), result.exception
    return str(result.exception)


def test_a_backup_of_nothing_is_a_failure_and_no_file(api: Namespace, tmp_path: Path) -> None:
    said = refused("backup", "--store", str(tmp_path))
    assert said.startswith(f"no TrainingSchedules in namespace {api.name} at https://")
    assert said.endswith(": nothing is saved")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ((), '; "clm backup" makes one'),
        (("--at", "2026-01-05T12:00Z"), '; "clm backup" makes one'),
        (("--at", "yesterday"), '"yesterday" is no time such as 2026-01-05T12:00Z'),
    ],
    ids=["none at all", "none at all of a time", "no time"],
)
def test_a_store_without_backups(
    api: Namespace, tmp_path: Path, at: tuple[str, ...], message: str
) -> None:
    assert message in refused("restore", "--store", str(tmp_path), *at)


def test_backups_later_than_the_time_are_told(api: Namespace, tmp_path: Path) -> None:
    owner = api.put(schedule())
    api.put(judged(owner))
    store = ("--store", str(tmp_path))
    assert RUNNER.invoke(app, ["backup", *store]).exit_code == 0
    (path,) = tmp_path.rglob("*.json")
    said = refused("restore", *store, "--at", "2026-01-05")
    assert f"holds no backup of namespace {api.name} up to 2026-01-05T00:00:00+00:00" in said
    day = f"{path.stem[:4]}-{path.stem[4:6]}-{path.stem[6:8]}"
    assert f"; the oldest is of {day}T" in said


def test_a_backup_that_names_no_namespace_stops_no_other(api: Namespace, tmp_path: Path) -> None:
    api.put(schedule())
    store = ("--store", str(tmp_path))
    assert RUNNER.invoke(app, ["backup", *store]).exit_code == 0
    (path,) = tmp_path.rglob("*.json")
    bad = tmp_path / "backups" / "a" / path.name
    bad.parent.mkdir()
    content = json.loads(path.read_text()) | {"namespace": "../x"}
    bad.write_text(json.dumps(content))
    result = RUNNER.invoke(app, ["restore", "-A", *store])
    assert '"../x" can\'t be the name of an object' in str(result.exception)
    assert "btc-eth: 0 versions, nothing in production" in result.stdout


def test_a_production_that_was_emptied_stays_so_and_a_later_change_is_told(
    api: Namespace, tmp_path: Path
) -> None:
    api.put(schedule(**HALTED))
    store = ("--store", str(tmp_path))
    assert RUNNER.invoke(app, ["backup", *store]).exit_code == 0
    api.plane.kubectl("-n", api.name, "delete", "tsched", "btc-eth")
    place = tmp_path / production_pointer(api.name, "btc-eth")
    place.parent.mkdir(parents=True)
    empty = {"version": None, "manifest": None, "sha256": None}
    later = {"scheduleUid": "lost", "since": "2025-12-04T06:00:00Z"}
    place.write_text(json.dumps(empty | later))
    result = RUNNER.invoke(app, ["restore", *store])
    assert result.exit_code == 0
    assert "btc-eth: 0 versions, nothing in production, emptied by carol" in result.stdout
    warned = "the store says that nothing is in production since 2025-12-04 06:00 UTC, after this"
    assert warned in result.stderr
    status = api.read("TrainingSchedule", "btc-eth")["status"]
    assert (status["halted"], status["previous"]) == (HALTED["halted"], HALTED["previous"])
