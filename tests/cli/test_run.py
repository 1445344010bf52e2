from typing import Any

import pytest
from typer.testing import CliRunner

import clm_cli.run
from clm_cli.__main__ import app
from clm_cli.cluster import RUN_NOW, ClusterError
from tests.cli.fake_api import FakeApi
from tests.cli.objects import judged, schedule, version

RUNNER = CliRunner(env={"COLUMNS": "160"})
PROGRESS = {"stage": "train", "percent": 55, "etaSeconds": 21, "message": "fold 2/3",
            "lastUpdatedTime": "2025-12-02T12:01:00Z"}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clm_cli.run, "POLL_S", 0.0)


def operator(api: FakeApi, *replies: dict[str, Any]) -> None:
    """Answer a token with one state of its version after the other."""
    api.objects["trainingschedules"]["btc-eth"] = schedule()
    waiting = list(replies)
    token = ""

    def patched(_: str, patch: dict[str, Any]) -> None:
        nonlocal token
        token = patch["metadata"]["annotations"][RUN_NOW]

    def listed() -> None:
        if waiting:
            raw = waiting.pop(0)
            raw["spec"]["trigger"] = {"type": "Manual", "reason": token}
            api.objects["modelversions"] = {"by-hand": raw}

    api.on_patch, api.on_list = patched, listed


def test_a_run_is_followed_to_its_verdict(api: FakeApi) -> None:
    running = version("btc-eth-m-1", phase="Running", progress=PROGRESS)
    operator(api, version("btc-eth-m-1", phase="Pending"), running, judged("btc-eth-m-1"))
    result = RUNNER.invoke(app, ["run", "btc-eth"], catch_exceptions=False)
    assert result.exit_code == 0
    (target, kind, _), *more = api.patches
    assert (target, kind) == ("trainingschedules/btc-eth", "application/merge-patch+json")
    assert not more
    assert "btc-eth-m-1   55 %  train  fold 2/3  21 s to go" in result.stderr
    assert "btc-eth-m-1  REJECTED  CriteriaFailed" in result.stdout
    assert "report: s3://clm/" in result.stdout


def test_a_failed_run_is_exit_code_1_and_its_message(api: FakeApi) -> None:
    operator(api, version("btc-eth-m-1", phase="Failed", stage="FAILED", reason="DataGap",
                          message="a hole of 24 bars"))  # fmt: skip
    result = RUNNER.invoke(app, ["run", "btc-eth"])
    assert result.exit_code == 1
    assert "error: btc-eth-m-1: DataGap: a hole of 24 bars" in result.stderr


def test_a_refused_run_says_why(api: FakeApi) -> None:
    operator(api)

    def refused(name: str, patch: dict[str, Any]) -> None:
        token = patch["metadata"]["annotations"][RUN_NOW]
        skip = {
            "from": "2025-12-02T12:00:00Z", "to": "2025-12-02T12:00:00Z", "count": 1,
            "reason": "ConcurrencyForbidden",
            "message": f'run by hand "{token}" was refused: another run is active',
        }  # fmt: skip
        api.objects["trainingschedules"][name]["status"] |= {
            "lastRunToken": token, "skipped": [skip],
        }  # fmt: skip

    api.on_patch = refused
    result = RUNNER.invoke(app, ["run", "btc-eth"])
    assert isinstance(result.exception, ClusterError)
    assert "was refused: another run is active" in str(result.exception)


def test_each_run_has_a_token_of_its_own(api: FakeApi) -> None:
    for _ in range(2):
        operator(api, judged("btc-eth-m-1"))
        RUNNER.invoke(app, ["run", "btc-eth"], catch_exceptions=False)
    tokens = {p["metadata"]["annotations"][RUN_NOW] for _, _, p in api.patches}
    assert len(tokens) == 2


def test_an_unknown_schedule_is_one_sentence(api: FakeApi) -> None:
    assert api.url
    result = RUNNER.invoke(app, ["run", "nope"])
    assert 'trainingschedules.clm.dev "nope" not found' in str(result.exception)
