"""What the scale bench makes of a log, of numbers and of bars."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.scale.audit import Audit, Request, counted
from bench.scale.bursts import quantiles
from bench.scale.figures import FIGURES, Figure, at, at_base, missed, share
from bench.scale.meter import Reading, between, samples, total
from bench.scale.profiling import shares
from bench.scale.report import table

Raw = dict[str, Any]


def entry(**changes: Any) -> Raw:
    return {
        "stage": "ResponseComplete",
        "verb": "patch",
        "requestURI": "/apis/clm.dev/v1alpha1/namespaces/n/trainingschedules/s/status",
        "user": {"username": "clm-operator"},
        "objectRef": {"resource": "trainingschedules", "name": "s", "subresource": "status"},
        "responseStatus": {"code": 200},
        "stageTimestamp": "2026-01-01T00:00:01.500000Z",
    } | changes


@pytest.mark.parametrize(
    ("changes", "label", "writes"),
    [
        ({}, "patch trainingschedules/status", True),
        ({"responseStatus": {"code": 409}}, "patch trainingschedules/status 409", True),
        ({"requestURI": "/x?dryRun=All"}, "patch trainingschedules/status (dry run)", False),
        ({"verb": "get", "objectRef": {"resource": "pods"}}, "get pods", False),
        ({"verb": "create", "objectRef": {"resource": "jobs"}}, "create jobs", True),
        ({"verb": "update", "objectRef": {"resource": "leases"}}, "update leases", False),
        ({"verb": "get", "objectRef": {}, "requestURI": "/version?x"}, "get /version", False),
    ],
    ids=[
        "a status written",
        "a conflict is a write that was tried",
        "a dry run writes nothing",
        "a read",
        "a creation",
        "the leader's Lease is no object of ours",
        "a path without an object",
    ],
)
def test_a_request_is_known_by_verb_and_resource(changes: Raw, label: str, *, writes: bool) -> None:
    request = Request.of(entry(**changes))
    assert request is not None
    assert (request.label, request.writes, request.at) == (label, writes, 1767225601.5)


@pytest.mark.parametrize(
    ("verb", "stage", "counts"),
    [
        ("watch", "ResponseStarted", True),
        ("watch", "ResponseComplete", False),
        ("get", "ResponseStarted", False),
        ("get", "Panic", False),
    ],
)
def test_every_request_counts_once(verb: str, stage: str, *, counts: bool) -> None:
    assert (Request.of(entry(verb=verb, stage=stage)) is not None) == counts


def test_the_log_is_read_on_from_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    audit, line = Audit(path), json.dumps(entry()) + "\n"
    assert audit.read() == []
    path.write_text(line + line[:40])
    assert len(audit.read()) == 1
    path.write_text(line + line)
    assert len(audit.read()) == 2
    assert counted(audit.read()) == {"patch trainingschedules/status": 2}


def test_between_two_readings_only_the_user_counts() -> None:
    one = Request.of(entry())
    assert one is not None
    log = [one, one, replace(one, user="cronjob-peer"), replace(one, verb="get"), one]
    start, end = Reading(10.0, {"etcd": 1.0}, 1), Reading(12.5, {"etcd": 1.2, "operator": 0.3}, 4)
    assert between(start, end, log, "clm-operator") == {
        "wall_s": 2.5,
        "etcd_cpu_s": 0.2,
        "operator_cpu_s": 0.3,
        "requests": 2,
        "writes": 1,
        "by_request": {"patch trainingschedules/status": 1, "get trainingschedules/status": 1},
    }


def test_a_metric_is_added_up_over_its_labels() -> None:
    found = samples('# HELP a\na{x="1"} 2.0\na{x="2"} 3\nab 7\n')
    assert (total(found, "a"), total(found, "ab"), total(found, "c")) == (5.0, 7.0, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {"count": 0}),
        ([3.0], {"count": 1, "p50": 3.0, "p99": 3.0, "max": 3.0}),
        ([float(n) for n in range(1000, 0, -1)],
         {"count": 1000, "p50": 500.0, "p99": 990.0, "max": 1000.0}),
    ],
    ids=["nothing", "one", "a thousand, the latest first"],
)  # fmt: skip
def test_quantiles_by_nearest_rank(values: list[float], expected: Raw) -> None:
    assert quantiles(values) == expected


def test_a_function_counts_once_in_a_stack_that_it_is_in_twice() -> None:
    found = shares("main (a.py:1);walk (a.py:7);walk (a.py:9) 3\nmain (a.py:2) 1\n")
    assert found["inclusive_percent"] == {"main (a.py)": 100.0, "walk (a.py)": 75.0}
    assert found["own_percent"] == {"walk (a.py)": 75.0, "main (a.py)": 25.0}


RESULTS: Raw = {
    "measure": {
        "300": {"burst": {"per_slot": {"operator_cpu_ms": 20.0, "requests": 28.2}}},
        "10000": {"burst": {"per_slot": {"operator_cpu_ms": 30.0}}},
    },
    "peer": {"300": {"slot": {"per_slot": {"operator_cpu_ms": 4.0}}}},
}
CPU = at("measure", "burst", "per_slot", "operator_cpu_ms")
PEER = at("peer", "slot", "per_slot", "operator_cpu_ms")


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        (CPU, 300, 20.0),
        (CPU, 1000, None),
        (share(CPU, at_base(CPU)), 10_000, 1.5),
        (share(CPU, at_base(PEER)), 10_000, 7.5),
        (share(CPU, PEER), 10_000, None),
    ],
    ids=["measured", "not measured", "against 300", "against the peer", "no peer of this size"],
)
def test_a_figure_is_taken_from_the_results(value: Any, size: int, expected: float | None) -> None:
    assert value(RESULTS, size) == expected


def test_a_bar_holds_from_its_size_on_and_only_for_what_was_measured() -> None:
    figure = Figure("CPU", "ms", CPU, 25, from_size=1000)
    assert [figure.missed(RESULTS, size) for size in (300, 1000, 10_000)] == [False, False, True]
    assert not Figure("CPU", "ms", CPU).missed(RESULTS, 10_000)


def test_the_table_marks_what_is_above_its_bar() -> None:
    rows = table(RESULTS)
    assert rows[0] == "| figure | bar | N=300 | N=10000 |"
    assert "| requests a slot of 100 due | ≤ 9 | 28.2 **missed** |  |" in rows
    assert rows[2].endswith("| ≤ 25 ms, from N=300 | 20 ms reached | 30 ms **missed** |")
    assert missed(RESULTS, [300, 10_000]) == [
        "CPU a slot of 100 due, operator (10000 schedules)",
        "the same, times that at 300 schedules (10000 schedules)",
        "the same, times the CronJob controller (10000 schedules)",
        "requests a slot of 100 due (300 schedules)",
    ]


def test_every_figure_has_a_name_of_its_own() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
