"""``clm list``, ``history``, ``diff``, ``report``, ``suspend``: what is told from the objects."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

import clm_cli.moves
from clm_api.errors import SpecError
from clm_cli.cluster import ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule

RUNNER = CliRunner(env={"COLUMNS": "200", "TZ": "UTC"})
PRODUCTION: dict[str, Any] = {
    "previous": [
        {"version": "btc-1", "from": "2025-12-01T06:00:00Z", "to": "2025-12-02T06:00:00Z",
         "by": "alice", "reason": "first of all"},
    ],
    "production": {
        "version": "btc-2", "since": "2025-12-02T06:00:00Z", "approvedBy": "bob",
        "reason": "fewer losses", "artifact": {"uri": "s3://clm/m.json", "sha256": "0" * 64},
    },
}  # fmt: skip


def text(*arguments: str) -> str:
    result = RUNNER.invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def refused(*arguments: str) -> str:
    result = RUNNER.invoke(app, [*arguments])
    assert isinstance(result.exception, ClusterError | SpecError), result.exception
    return str(result.exception)


def put_two(api: Namespace) -> None:
    owner = api.put(schedule(**PRODUCTION))
    first = judged(owner, "btc-1", "ARCHIVED", slot="2025-12-01T06:00:00Z")
    second = judged(owner, "btc-2", "PRODUCTION", trainedUntil="2025-12-02T05:00:00Z")
    second["spec"]["run"]["model"]["seed"] = 8
    second["status"]["metrics"] |= {"sharpe": 1.5, "sortino": 2.25}
    for raw in (first, second):
        api.put(raw)


def test_every_version_is_one_line_newest_first(api: Namespace) -> None:
    put_two(api)
    lines = text("list").splitlines()
    assert [line.split()[0] for line in lines] == ["version", "btc-2", "btc-1"]
    assert "PRODUCTION" in lines[1]
    assert " 2025-12-02 05:00 UTC" in lines[1]
    found = [api.written("ModelVersion", name) for name in ("btc-2", "btc-1")]
    assert json.loads(text("list", "btc-eth", "-o", "json")) == {"versions": found}
    other = schedule()
    other["metadata"]["name"] = "other"
    api.put(other)
    nothing = f"No ModelVersions of other in namespace {api.name}. Start a run with: clm run other"
    assert text("list", "other") == f"{nothing}\n"
    assert 'trainingschedules.clm.dev "misspelt" not found' in refused("list", "misspelt")


def test_who_was_in_production_when_and_why(api: Namespace) -> None:
    put_two(api)
    lines = text("history", "btc-eth").splitlines()
    assert [line.split()[0] for line in lines] == ["version", "btc-1", "btc-2"]
    (row,) = text("history", "btc-eth", "--at", "2025-12-01T12:00").splitlines()[1:]
    for part in ("btc-1", "2025-12-01 06:00 UTC", "alice", "first of all", "btc-2"):
        assert part in row
    found = json.loads(text("history", "btc-eth", "--at", "2025-12-02T07:00+01:00", "-o", "json"))
    assert found == [
        {"version": "btc-2", "since": "2025-12-02T06:00:00+00:00", "to": None, "by": "bob",
         "reason": "fewer losses", "replacedBy": None},
    ]  # fmt: skip


HALTED: dict[str, Any] = {
    "previous": [
        *PRODUCTION["previous"],
        {"version": "btc-2", "from": "2025-12-02T06:00:00Z", "to": "2025-12-03T06:00:00Z",
         "by": "bob", "reason": "fewer losses",
         "emptied": {"by": "carol", "reason": "the exchange is away"}},
    ],
    "halted": {"version": "btc-2", "since": "2025-12-03T06:00:00Z", "by": "carol",
               "reason": "the exchange is away"},
}  # fmt: skip


def test_a_time_in_which_production_was_empty(api: Namespace) -> None:
    api.put(schedule(**HALTED))
    rows = text("history", "btc-eth").splitlines()
    assert [row.split()[0] for row in rows] == ["version", "btc-1", "btc-2", "(empty)"]
    for part in ("2025-12-03 06:00 UTC", "now", "carol", "the exchange is away"):
        assert part in rows[-1]
    (found,) = json.loads(text("history", "btc-eth", "--at", "2025-12-04", "-o", "json"))
    assert (found["version"], found["by"], found["to"]) == (None, "carol", None)
    assert "(halted)" in text("status")
    said = "production none  since Wed 2025-12-03 06:00 UTC by carol: the exchange is away"
    assert said in text("status", "btc-eth")


def test_a_halt_asks_the_version_in_production(
    api: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.moves, "_PATIENCE_S", 0.0)
    put_two(api)
    assert "does the operator run?" in refused("halt", "btc-eth", "--reason", "away for a week")
    assert api.read("ModelVersion", "btc-2")["spec"]["request"] == {
        "stage": "ARCHIVED", "by": "admin", "reason": "away for a week", "replaces": "btc-2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, "btc-eth: nothing is in production"),
        (HALTED, "since 2025-12-03 06:00 UTC, by carol: the exchange is away"),
        (PRODUCTION, "btc-2 is in production and its ModelVersion was deleted"),
    ],
    ids=["nothing ever was", "halted already", "the version was deleted"],
)
def test_a_halt_of_nothing(api: Namespace, status: dict[str, Any], said: str) -> None:
    api.put(schedule(**status))
    assert said in refused("halt", "btc-eth", "--reason", "why")


def test_a_time_before_all_or_none_at_all(api: Namespace) -> None:
    put_two(api)
    assert "nothing is known to be in production" in refused(
        "history", "btc-eth", "--at", "2025-11-30"
    )
    assert '"yesterday" is no time' in refused("history", "btc-eth", "--at", "yesterday")
    api.put(schedule("fresh"))
    assert "no version has ever been in production" in text("history", "fresh")


def test_two_versions_differ_in_metrics_and_settings(api: Namespace) -> None:
    put_two(api)
    shown = {
        words[0]: words[1:]
        for line in text("diff", "btc-1", "btc-2").splitlines()
        if (words := line.split())
    }
    assert shown["stage"] == ["ARCHIVED", "PRODUCTION"]
    assert shown["sharpe"] == ["1.23", "1.5"]
    assert shown["run.model.seed"] == ["7", "8"]
    assert not [name for name in shown if name.startswith("run.data")], "what is equal is left out"
    document = json.loads(text("diff", "btc-1", "btc-2", "-o", "json"))
    assert document["versions"] == ["btc-1", "btc-2"]
    assert document["metrics"]["sortino"] == [None, 2.25]
    assert document["run"] == {"run.model.seed": [7, 8]}


def test_versions_are_sorted_by_a_metric(api: Namespace) -> None:
    owner = api.put(schedule())
    values = {"a": (1.5, 0.2), "b": (2, 0.3), "c": (None, None), "d": (-1, 0.1)}
    for name, (sharpe, drawdown) in values.items():
        metrics = {"sharpe": sharpe, "maxDrawdown": drawdown, "sortino": sharpe}
        api.put(judged(owner, name, metrics={k: v for k, v in metrics.items() if v is not None}))
    sorted_by = {
        metric: [line.split()[0] for line in text("list", "--sort", metric).splitlines()[1:]]
        for metric in ("sharpe", "max-drawdown", "SORTINO")
    }
    assert sorted_by == {
        "sharpe": ["b", "a", "d", "c"],
        "max-drawdown": ["d", "a", "b", "c"],
        "SORTINO": ["b", "a", "d", "c"],
    }
    assert "sortino" in text("list", "--sort", "sortino").splitlines()[0]
    for column, metric in (
        ("maxdd", "maxDrawdown"),
        ("PF", "profitFactor"),
        ("DSR", "deflatedSharpe"),
    ):
        assert text("list", "--sort", column) == text("list", "--sort", metric), column
    assert '"luck" is no metric; there are sharpe' in refused("list", "--sort", "luck")


def test_a_schedule_is_suspended_and_resumed(api: Namespace) -> None:
    before = api.put(schedule())["spec"]
    assert "btc-eth is suspended" in text("suspend", "btc-eth")
    assert api.read("TrainingSchedule", "btc-eth")["spec"] == before | {"suspend": True}
    assert "btc-eth is resumed" in text("resume", "btc-eth")
    assert api.read("TrainingSchedule", "btc-eth")["spec"] == before | {"suspend": False}
    for command in ("suspend", "resume"):
        document = json.loads(text(command, "btc-eth", "-o", "json"))
        assert document == api.written("TrainingSchedule", "btc-eth")


WAITS = {
    "type": "ArtifactVerified", "status": "Unknown", "reason": "StorageUnavailable",
    "message": "its promotion waits for the store: it does not answer",
    "lastTransitionTime": "2025-12-03T00:00:00Z", "observedGeneration": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "said"),
    [([], "does the operator run?"), ([WAITS], "it does not answer; the request stays")],
    ids=["nobody answers", "the store is away"],
)
def test_a_request_that_nobody_decides_says_why(
    api: Namespace, monkeypatch: pytest.MonkeyPatch, conditions: list[Any], said: str
) -> None:
    monkeypatch.setattr(clm_cli.moves, "_PATIENCE_S", 0.0)
    owner = api.put(schedule(**PRODUCTION))
    api.put(judged(owner, "btc-1", "ARCHIVED", conditions=conditions))
    assert said in refused("rollback", "btc-eth", "--reason", "a bad night")
    request = api.read("ModelVersion", "btc-1")["spec"]["request"]
    assert request == {
        "stage": "PRODUCTION", "by": "admin", "reason": "a bad night", "replaces": "btc-2",
    }  # fmt: skip


def test_a_rollback_passes_over_a_version_that_is_gone(
    api: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.moves, "_PATIENCE_S", 0.0)
    (period,) = PRODUCTION["previous"]
    before = {"previous": [period, period | {"version": "deleted"}]}
    owner = api.put(schedule(**PRODUCTION | before))
    api.put(judged(owner, "btc-1", "ARCHIVED"))
    refused("rollback", "btc-eth", "--reason", "a bad night")
    assert api.read("ModelVersion", "btc-1")["spec"]["request"]["stage"] == "PRODUCTION"


@pytest.mark.parametrize(
    ("order", "target"), [({}, "no earlier version"), ({"--to": "foreign"}, "belongs to other")]
)
def test_a_rollback_that_leads_nowhere(api: Namespace, order: dict[str, str], target: str) -> None:
    api.put(schedule())
    other = api.put(schedule("other"))
    api.put(judged(other, "foreign", "ARCHIVED"))
    options = [word for pair in order.items() for word in pair]
    assert target in refused("rollback", "btc-eth", "--reason", "worse", *options)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("status", ""), '"" can\'t be the name of an object'),
        (("list", ""), '"" can\'t be the name of an object'),
        (("status", "tsched/btc"), '"tsched/btc" can\'t be the name of an object: give the name'),
        (("suspend", "btc/status"), '"btc/status" can\'t be the name of an object: give the name'),
        (("list", "tsched/btc"), "give the name alone, btc"),
        (("history", "../other"), "give the name alone, other"),
        (("promote", "modelversion.clm.dev/v", "--reason", "x"), "give the name alone, v"),
        (("report", "mv/v"), "give the name alone, v"),
        (("logs", "mv/v"), "give the name alone, v"),
        (("status", "a?b=c"), '"a?b=c" can\'t be the name of an object'),
        (("status", "-n", "../x"), '"../x" can\'t be the name of an object'),
    ],
    ids=[
        "an empty name", "an empty name to list", "a kind and a name", "a name and a part of it",
        "a kind and a name to list", "a way out of the kind", "a kind with its group",
        "a report's kind", "a log's kind", "a query", "a namespace that is a way",
    ],
)  # fmt: skip
def test_what_is_no_name_is_not_asked_for(
    api: Namespace, words: tuple[str, ...], message: str
) -> None:
    assert message in refused(*words)
