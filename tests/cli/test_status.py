import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import clm_cli.cluster
import clm_cli.status
from clm_cli import output
from clm_cli.cluster import ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import Raw, judged, schedule, version
from tests.support.ports import free_port

RUNNER = CliRunner(env={"COLUMNS": "160", "TZ": "UTC"})


SKIPPED = {"from": "2025-12-01T00:00:00Z", "to": "2025-12-01T00:00:00Z", "count": 1,
           "reason": "MissedSlot"}  # fmt: skip


def text(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["status", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_one_screen_says_why_the_newest_version_was_rejected(api: Namespace) -> None:
    owner = api.put(schedule())
    running = version(
        owner, "btc-eth-29411280", slot="2025-12-02T12:00:00Z", phase="Running", stage="TRAINING",
        progress={"stage": "train", "percent": 55, "lastUpdatedTime": "2025-12-02T12:01:00Z"},
    )  # fmt: skip
    other = judged(owner, "other")
    other["spec"]["scheduleRef"]["uid"] = "deleted-and-made-again"
    for raw in (judged(owner), running, other):
        api.put(raw)
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


SLOT = {"name": "btc-eth-29411280-e", "slot": "2025-12-02T12:00:00Z"}
FOUND = {"reason": "Replayed", "message": "btc-eth-1 replayed on 200 bars"}
AWAY = {"reason": "StorageUnavailable", "message": "no answer"}
TESTS = [
    ({"phase": "Running"}, {}, ["12:00 UTC  Running\n", "shadow     btc-eth-1  since Tue 2025"]),
    ({"phase": "Pending", **AWAY}, {}, ["12:00 UTC  Pending StorageUnavailable: no answer\n"]),
    ({"phase": "Succeeded", **FOUND}, {"message": "200 bars so far"},
     ["12:00 UTC  btc-eth-1 replayed on 200 bars\n", "btc-eth-1  200 bars so far\n"]),
    ({"phase": "Succeeded", **FOUND}, {"message": "not worse", "verdict": "Passed"},
     ["shadow     btc-eth-1  Passed: not worse\n"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("replay", "test", "lines"), TESTS, ids=["running", "waiting", "undecided", "passed"]
)
def test_how_a_shadow_test_stands(
    replay: dict[str, str], test: dict[str, str], lines: list[str], api: Namespace
) -> None:
    owner = api.put(schedule(replay=SLOT | replay))
    shadow = {"since": "2025-12-02T06:00:00Z"} | test
    api.put(judged(owner, "btc-eth-1", "SHADOW", shadow=shadow))
    shown = text("btc-eth")
    for line in lines:
        assert line in shown


HELD = {
    "name": "btc-eth-29411280",
    "slot": "2025-12-02T12:00:00Z",
    "reason": "AdmissionDenied",
    "message": 'webhook "labels": no cost centre',
    "since": "2025-12-02T12:00:04Z",
}
WORDS = 'since Tue 2025-12-02 12:00 UTC  AdmissionDenied: webhook "labels": no cost centre'
BY_HAND = HELD | {"name": "btc-eth-r1", "reason": "QuotaPending", "message": "exceeded quota: jobs"}
WATCHED = [
    {"type": kind, "status": status, "reason": reason, "message": message,
     "lastTransitionTime": "2025-12-02T12:00:04Z", "observedGeneration": 1}
    for kind, status, reason, message in (
        ("Degraded", "Unknown", "TooEarly", "no replay has looked at it yet"),
        ("Drifted", "True", "Drifted", "3 of 4 windows differ"),
        ("Executed", "False", "ExecutionShortfall", "2 decision(s) without a fill"),
        ("Stale", "False", "Fresh", ""),
    )
]  # fmt: skip
SAID = [
    ({"held": [HELD]}, [f"held       btc-eth-29411280  {WORDS}\n"]),
    ({"held": [HELD, BY_HAND]}, ["held       btc-eth-29411280 ", "QuotaPending: exceeded quota"]),
    ({"conditions": WATCHED},
     ["drift      Drifted: 3 of 4 windows differ\n", "age        Fresh\n",
      "fills      ExecutionShortfall: 2 decision(s) without a fill\n",
      "results    TooEarly: no replay has looked at it yet\n"]),
    ({"scheduleNotes": ["02:30 comes at 03:00"]}, ["note       02:30 comes at 03:00\n"]),
    ({"scheduleNotes": ["one", "other"]}, ["note       one\n", "note       other\n"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "lines"),
    SAID,
    ids=["a held run", "two held runs", "what is watched", "a note", "two notes"],
)
def test_what_holds_runs_back_and_what_slots_mean(
    status: dict[str, Any], lines: list[str], api: Namespace
) -> None:
    api.put(schedule(**status))
    shown = text("btc-eth")
    for line in lines:
        assert line in shown
    assert shown.count("\nheld  ") == len(status.get("held", []))
    assert shown.count("\nnote  ") == len(status.get("scheduleNotes", []))


EVIL = "\x1b[2J\x9b31mred\u202eevil\u2066\r"
NODES = "0/3 nodes are available:\n3 Insufficient cpu."
WHYS = [
    ("a pod that no node takes", {"phase": "Pending", "reason": "PodUnschedulable",
     "message": NODES},
     "waits      btc-eth-29410920  PodUnschedulable: 0/3 nodes are available: 3 Insufficient cpu."),
    ("a run in a queue", {"phase": "Pending", "reason": "Queued", "message": "1 more",
     "queue": {"name": "gpu", "state": "Preempted", "since": "2025-12-02T06:00:00Z",
               "position": 3, "preemptions": 2}},
     "waits      btc-eth-29410920  Queued (queue gpu, place 3, put back for others: 2): 1 more"),
    ("a run that failed", {"phase": "Failed", "stage": "FAILED", "reason": "DataGap",
     "message": "a hole"}, "failed     btc-eth-29410920  DataGap: a hole"),
    ("a run between two pods", {"phase": "Running", "reason": "StorageUnavailable",
     "message": "its pod ended: no answer"},
     "waits      btc-eth-29410920  StorageUnavailable: its pod ended: no answer"),
    ("a run that works", {"phase": "Running", "reason": "TrainingStarted",
     "message": "fold 2/3"}, ""),
    ("a run that has ended well", {"phase": "Succeeded", "stage": "CANDIDATE",
     "reason": "CriteriaPassed", "message": "all passed"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "line"), WHYS, ids=[w[0] for w in WHYS])
def test_a_run_that_waits_or_failed_says_why(
    name: str, status: dict[str, Any], line: str, api: Namespace
) -> None:
    api.put(version(api.put(schedule()), **status))
    found = [one for one in text("btc-eth").splitlines() if one.startswith(("waits", "failed"))]
    assert found == [line] * bool(line), name


def test_why_a_run_waits_ends_where_the_terminal_does(
    api: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output.console, "width", 60)
    status = {"phase": "Pending", "reason": "PodUnschedulable", "message": f"{EVIL} " * 40}
    api.put(version(api.put(schedule()), **status))
    (line,) = (one for one in text("btc-eth").splitlines() if one.startswith("waits"))
    assert len(line) == 60
    assert line.endswith("…")
    assert not set("\x1b\x9b\u202e\u2066") & set(line)


def test_the_overview_says_that_runs_are_held_back_and_the_store_is_away(api: Namespace) -> None:
    away = {
        "type": "StoreReady", "status": "False", "reason": "StorageUnavailable",
        "message": "no answer", "lastTransitionTime": "2025-12-01T00:00:00Z",
    }  # fmt: skip
    api.put(schedule("one", held=[HELD | {"name": "one-1"}], conditions=[away]))
    api.put(schedule("two", held=[HELD, BY_HAND], conditions=[away]))
    api.put(schedule("well"))
    assert text().splitlines()[-3:] == [
        "one: one-1 held back: AdmissionDenied",
        "two: 2 runs held back: AdmissionDenied, QuotaPending",
        "store: StorageUnavailable: no answer",
    ]


def test_without_a_name_every_schedule_is_one_line(api: Namespace) -> None:
    for name in ("b", "a"):
        api.put(schedule(name))
    lines = text().splitlines()
    assert [line.split()[0] for line in lines] == ["schedule", "a", "b"]
    assert "every 6h" in lines[1]


def test_an_empty_namespace_says_its_name_and_how_to_begin(api: Namespace) -> None:
    begin = "Start with: kubectl apply -f examples/xgboost.yaml"
    assert text() == f"No TrainingSchedules in namespace {api.name}. {begin}\n"


def test_an_invalid_schedule_says_why(api: Namespace) -> None:
    wrong = {"status": "False", "reason": "SpecInvalid", "message": "spec.timeZone: no such zone"}
    since = {"lastTransitionTime": "2025-12-01T00:00:00Z", "observedGeneration": 1}
    conditions = [{"type": name} | wrong | since for name in ("Ready", "ScheduleValid")]
    api.put(schedule("wrong", conditions=conditions, observedGeneration=1))
    why = "wrong: SpecInvalid: spec.timeZone: no such zone\n"
    assert text().endswith(why)


def test_a_schedule_that_can_not_be_read_stops_no_other(
    api: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that was stored before a bound was set."""
    for name in ("good", "odd"):
        api.put(schedule(name, observedGeneration=1))
    read = clm_cli.cluster.Cluster._list

    def of_before(cluster: clm_cli.cluster.Cluster, plural: str, **selector: str) -> list[Raw]:
        found = read(cluster, plural, **selector)
        found[-1]["spec"]["startingDeadlineSeconds"] = 1
        return found

    monkeypatch.setattr(clm_cli.cluster.Cluster, "_list", of_before)
    shown = text().splitlines()
    assert [line.split()[0] for line in shown if line] == ["schedule", "good", "odd", "odd:"]
    why = "SpecInvalid: spec.startingDeadlineSeconds: Input should be greater than or equal to 60"
    assert shown[-1] == f"odd: {why}"


def test_a_schedule_that_no_operator_serves_says_so(
    api: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put(schedule("unseen"))
    api.put(schedule("seen", observedGeneration=1))
    assert "no operator" not in text()
    later = datetime.now(UTC) + timedelta(minutes=2)
    monkeypatch.setattr(clm_cli.status, "now_utc", lambda: later)
    why = f"no operator has seen it: does one run, and serve namespace {api.name}?"
    assert f"unseen: {why}" in text()
    assert "\nseen: " not in text()
    assert why in text("unseen")


def test_a_slot_that_no_operator_has_seen_is_named(api: Namespace) -> None:
    """A namespace that is served no more keeps its last status, Ready and all."""
    seen_s = {"late": 600, "just-due": 60, "coming": -60}
    for name, since_s in seen_s.items():
        slot = f"{datetime.now(UTC) - timedelta(seconds=since_s):%Y-%m-%dT%H:%M:%SZ}"
        api.put(schedule(name, observedGeneration=1, nextScheduleTime=slot))
    why = "no operator has seen that its slot came: does one run, and serve namespace"
    assert f"late: {why} {api.name}?" in text()
    assert text().count("no operator") == 1
    assert why in text("late")


def test_what_a_terminal_would_obey_is_marked(api: Namespace) -> None:
    owner = api.put(schedule(skipped=[SKIPPED | {"message": EVIL}]))
    api.put(judged(owner, criteria=[]) | {"spec": judged(owner)["spec"]})
    for arguments in (("btc-eth",), ("btc-eth", "-o", "json")):
        shown = text(*arguments)
        assert not set("\x1b\x9b\u202e\u2066\r") & set(shown)
        assert "red" in shown
    said = json.loads(text("btc-eth", "-o", "json"))
    assert said["schedule"]["status"]["skipped"][0]["message"] == EVIL


def test_json_is_what_the_api_server_said(api: Namespace) -> None:
    owner = api.put(schedule())
    api.put(judged(owner))
    document = json.loads(text("btc-eth", "-o", "json"))
    assert document == {
        "schedule": api.written("TrainingSchedule", "btc-eth"),
        "versions": [api.written("ModelVersion", "btc-eth-29410920")],
    }


def test_a_suspended_schedule_has_no_next_slot(api: Namespace) -> None:
    raw = schedule()
    raw["spec"]["suspend"] = True
    api.put(raw)
    assert "none: suspended" in text("btc-eth")


def test_an_unknown_schedule_is_one_sentence(api: Namespace) -> None:
    result = RUNNER.invoke(app, ["status", "nope"])
    assert isinstance(result.exception, ClusterError)
    said = f'namespace {api.name}: trainingschedules.clm.dev "nope" not found'
    assert str(result.exception) == said


@pytest.mark.usefixtures("api")
def test_missing_definitions_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clm_cli.cluster, "API_VERSION", "nobody-defined.clm.dev/v1")
    result = RUNNER.invoke(app, ["status"])
    assert "resources are not installed here" in str(result.exception)


def test_no_kubeconfig_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    result = RUNNER.invoke(app, ["status"])
    assert isinstance(result.exception, ClusterError)
    assert "set KUBECONFIG" in str(result.exception)


def test_a_dead_api_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, path = f"http://127.0.0.1:{free_port()}", tmp_path / "kubeconfig"
    config = {
        "current-context": "dead",
        "clusters": [{"name": "dead", "cluster": {"server": address}}],
        "users": [{"name": "dead", "user": {"token": "t"}}],
        "contexts": [{"name": "dead", "context": {"cluster": "dead", "user": "dead"}}],
    }
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    result = RUNNER.invoke(app, ["status"])
    assert f"the API server at {address} does not answer" in str(result.exception)
