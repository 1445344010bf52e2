import json
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner

import clm_cli.run
from clm_cli.cluster import RUN_NOW, ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule, version
from tests.cli.played_operator import PlayedOperator
from tests.support.proxy import Proxy, Seen

RUNNER = CliRunner(env={"COLUMNS": "160"})
PROGRESS = {"stage": "train", "percent": 55, "etaSeconds": 21, "message": "fold 2/3",
            "lastUpdatedTime": "2025-12-02T12:01:00Z"}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clm_cli.run, "POLL_S", 0.0)


@pytest.fixture
def operator(api: Namespace, proxy: Proxy) -> PlayedOperator:
    """Answers the runs of schedule ``btc-eth``, once it is told its steps."""
    api.put(schedule())
    operator = PlayedOperator(api, "btc-eth")
    proxy.judge = operator.judge
    return operator


def test_a_run_is_followed_to_its_verdict(
    api: Namespace, proxy: Proxy, operator: PlayedOperator
) -> None:
    running = partial(version, phase="Running", progress=PROGRESS)
    operator.steps = [partial(version, phase="Pending"), running, judged]
    before = api.read("TrainingSchedule", "btc-eth")
    result = RUNNER.invoke(app, ["run", "btc-eth"], catch_exceptions=False)
    assert result.exit_code == 0
    writes = [seen for seen in proxy.seen if seen.method != "GET"]
    assert writes == [Seen("PATCH", api.path("TrainingSchedule", "btc-eth"))]
    after = api.read("TrainingSchedule", "btc-eth")
    assert after["metadata"]["annotations"] == {RUN_NOW: operator.tokens[0]}
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert _ways_of_writing(after, RUN_NOW) == ["clm-cli Update"], "a patch, no claim of the field"
    assert {seen.agent.partition("/")[0] for seen in proxy.seen} == {"clm-cli"}
    assert "btc-eth-m-1   55 %  train  fold 2/3  21 s to go" in result.stderr
    assert "btc-eth-m-1  REJECTED  CriteriaFailed" in result.stdout
    assert "report: s3://clm/" in result.stdout


def test_a_run_that_waits_says_why_whenever_the_words_change(operator: PlayedOperator) -> None:
    def held(owner: dict[str, Any], name: str, *, token: str) -> dict[str, Any]:
        run = {"name": "btc-eth-m-0", "slot": "2025-12-02T12:00:00Z", "reason": "QuotaPending",
               "message": "exceeded quota", "since": "2025-12-02T12:00:00Z"}  # fmt: skip
        return schedule(held=[run | {"name": "btc-eth-1", "message": "another run"}, run])

    nodes = {"phase": "Pending", "reason": "PodUnschedulable", "message": "0/1 nodes [/red]"}
    ended = {"phase": "Running", "reason": "StorageUnavailable", "message": "its pod ended: away"}
    works = {"phase": "Running", "reason": "TrainingStarted", "message": "", "progress": PROGRESS}
    steps: list[dict[str, Any]] = [nodes, nodes, ended, works, ended]
    operator.steps = [held, held, *(partial(version, **step) for step in steps), judged]
    result = RUNNER.invoke(app, ["run", "btc-eth"], catch_exceptions=False)
    assert result.exit_code == 0
    said = [line for line in result.stderr.splitlines() if ": " in line]
    away = "btc-eth-m-1: StorageUnavailable: its pod ended: away"
    assert said == [
        "btc-eth-m-0 is held back: QuotaPending: exceeded quota",
        "btc-eth-m-1: PodUnschedulable: 0/1 nodes [/red]",
        away,
        away,
    ]


@pytest.mark.parametrize(("end", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_json_is_the_ended_version(
    api: Namespace, operator: PlayedOperator, end: str, code: int
) -> None:
    operator.steps = [partial(version, phase=end, stage="FAILED", reason="Whatever")]
    result = RUNNER.invoke(app, ["run", "btc-eth", "-o", "json"])
    assert result.exit_code == code
    assert json.loads(result.stdout) == api.written("ModelVersion", "btc-eth-m-1")


def _ways_of_writing(raw: dict[str, Any], annotation: str) -> list[str]:
    found = raw["metadata"]["managedFields"]
    return [
        f"{field['manager']} {field['operation']}"
        for field in found
        if f"f:{annotation}" in str(field)
    ]


def test_a_failed_run_is_exit_code_1_and_its_message(operator: PlayedOperator) -> None:
    operator.steps = [
        partial(version, phase="Failed", stage="FAILED", reason="DataGap",
                message="a hole of 24 bars")
    ]  # fmt: skip
    result = RUNNER.invoke(app, ["run", "btc-eth"])
    assert result.exit_code == 1
    assert "error: btc-eth-m-1: DataGap: a hole of 24 bars" in result.stderr


def test_a_refused_run_says_why(operator: PlayedOperator) -> None:
    def refused(owner: dict[str, Any], name: str, *, token: str) -> dict[str, Any]:
        skip = {
            "from": "2025-12-02T12:00:00Z", "to": "2025-12-02T12:00:00Z", "count": 1,
            "reason": "ConcurrencyForbidden",
            "message": f'run by hand "{token}" was refused: another run is active',
        }  # fmt: skip
        return schedule(lastRunToken=token, skipped=[skip])

    operator.steps = [refused]
    result = RUNNER.invoke(app, ["run", "btc-eth"])
    assert isinstance(result.exception, ClusterError)
    assert "was refused: another run is active" in str(result.exception)


def test_each_run_has_a_token_of_its_own(operator: PlayedOperator) -> None:
    for _ in range(2):
        operator.steps = [judged]
        RUNNER.invoke(app, ["run", "btc-eth"], catch_exceptions=False)
    assert len(operator.tokens) == 2


def test_an_unknown_schedule_is_one_sentence(proxy: Proxy) -> None:
    result = RUNNER.invoke(app, ["run", "nope"])
    assert 'trainingschedules.clm.dev "nope" not found' in str(result.exception)
    assert [seen.method for seen in proxy.seen] == ["PATCH"]
