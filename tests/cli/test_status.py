import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clm_cli.__main__ import app
from clm_cli.cluster import ClusterError
from tests.cli.fake_api import FakeApi
from tests.cli.objects import judged, schedule, version

RUNNER = CliRunner(env={"COLUMNS": "160", "TZ": "UTC"})


def text(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["status", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_one_screen_says_why_the_newest_version_was_rejected(api: FakeApi) -> None:
    api.objects["trainingschedules"]["btc-eth"] = schedule()
    running = version(
        "btc-eth-29411280", slot="2025-12-02T12:00:00Z", phase="Running", stage="TRAINING",
        progress={"stage": "train", "percent": 55, "lastUpdatedTime": "2025-12-02T12:01:00Z"},
    )  # fmt: skip
    other = judged("other")
    other["spec"]["scheduleRef"]["uid"] = "deleted-and-made-again"
    found = {"a": judged(), "b": running, "c": other}
    api.objects["modelversions"] = found
    shown = text("btc-eth")
    for line in (
        "profitFactor  1.12   ≥  1.3        Failed",
        "REJECTED  CriteriaFailed",
        "significance: PSR 0.730  deflated 0.410 over 1 trial",
        "Running 55 %",
        "Wed 2099-12-02 12:00",
        "Ready      True    Scheduled  armed",
    ):
        assert line in shown
    assert "other" not in shown
    assert "\x1b" not in shown


def test_without_a_name_every_schedule_is_one_line(api: FakeApi) -> None:
    names = ("b", "a")
    api.objects["trainingschedules"] = {n: schedule(n) for n in names}
    lines = text().splitlines()
    assert [line.split()[0] for line in lines] == ["schedule", "a", "b"]
    assert "every 6h" in lines[1]


def test_an_empty_namespace_says_how_to_begin(api: FakeApi) -> None:
    assert api.url
    assert "kubectl apply -f examples/xgboost.yaml" in text()


def test_json_is_what_the_api_server_said(api: FakeApi) -> None:
    api.objects["trainingschedules"]["btc-eth"] = schedule()
    api.objects["modelversions"]["a"] = judged()
    document = json.loads(text("btc-eth", "-o", "json"))
    assert document["schedule"] == schedule()
    assert document["versions"] == [judged()]


def test_a_suspended_schedule_has_no_next_slot(api: FakeApi) -> None:
    raw = schedule()
    raw["spec"]["suspend"] = True
    api.objects["trainingschedules"]["btc-eth"] = raw
    assert "none: suspended" in text("btc-eth")


def test_an_unknown_schedule_is_one_sentence(api: FakeApi) -> None:
    assert api.url
    result = RUNNER.invoke(app, ["status", "nope"])
    assert isinstance(result.exception, ClusterError)
    said = 'namespace trading: trainingschedules.clm.dev "nope" not found'
    assert str(result.exception) == said


def test_missing_definitions_are_named(api: FakeApi) -> None:
    api.installed = False
    result = RUNNER.invoke(app, ["status"])
    assert "resources are not installed here" in str(result.exception)


def test_no_kubeconfig_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    result = RUNNER.invoke(app, ["status"])
    assert isinstance(result.exception, ClusterError)
    assert "set KUBECONFIG" in str(result.exception)


def test_a_dead_api_server_is_named(api: FakeApi, tmp_path: Path) -> None:
    api.url = "http://127.0.0.1:9"
    api.kubeconfig(tmp_path / "kubeconfig")
    result = RUNNER.invoke(app, ["status"])
    assert "the API server at http://127.0.0.1:9 does not answer" in str(result.exception)
