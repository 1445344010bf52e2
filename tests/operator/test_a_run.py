"""A schedule becomes a Job, a report and a verdict; at rest the operator writes nothing."""

import json
import os
import subprocess
import sys
from functools import partial

from clm_api.layout import RunLayout
from tests.operator.rig import Rig, condition
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict
from tests.support.schedules import schedule


def test_a_schedule_ends_in_a_judged_version_and_the_operator_comes_to_rest(rig: Rig) -> None:
    operator = rig.start_operator()
    rig.apply(schedule("btc", rig.namespace))
    (version,) = rig.wait_ended("btc")
    status = version["status"]
    assert (status["phase"], status["stage"]) in (
        ("Succeeded", "CANDIDATE"),
        ("Succeeded", "REJECTED"),
    )
    assert [c["name"] for c in status["criteria"]] == [
        "sharpe", "winRate", "profitFactor", "maxDrawdown", "trades",
    ]  # fmt: skip
    assert {"sharpe", "winRate", "profitFactor", "maxDrawdown", "trades"} <= set(status["metrics"])
    assert len(status["metrics"]["folds"]) == 3
    assert condition(status, "JobSucceeded")["status"] == "True"
    assert condition(status, "ArtifactVerified")["status"] == "True"
    seen = rig.wait_status("btc", lambda s: not s.get("active"), "no active run")
    assert seen["lastRun"]["name"] == version["metadata"]["name"]
    assert seen["trials"]["total"] == 1
    assert condition(seen, "Ready")["status"] == "True"
    assert condition(seen, "DataAvailable")["status"] == "True"

    assert {field["manager"] for field in version["metadata"]["managedFields"]} == {"clm-operator"}
    assert {seen.agent.partition("/")[0] for seen in rig.api.seen} == {"clm-operator"}

    rig.settle()
    before = rig.writes()
    rig.plane.kubectl("-n", rig.namespace, "label", "tsched", "btc", "poke=1")
    rig.settle()
    assert rig.writes() == before, "a look without news writes nothing"

    reasons = {
        e["reason"] for e in rig.plane.list(rig.namespace, "events")
        if e["source"].get("component") == "clm-operator"
    }  # fmt: skip
    assert {"RunScheduled", "TrainingStarted", status["reason"]} <= reasons
    assert operator.get("/healthz") == (200, "ok")
    text = operator.get("/metrics")[1]
    assert 'clm_runs_total{family="xgboost"' in text
    assert operator.stop() == 0

    rig.start_operator()
    rig.settle()
    assert rig.writes() == before, "a restart with unchanged schedules writes nothing"


def test_a_version_is_known_by_its_spec_whatever_became_of_labels_and_owners(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("stripped", rig.namespace))
    (version,) = rig.wait_ended("stripped")
    name = version["metadata"]["name"]
    operator = rig.plane.account_kubeconfig(rig.namespace, "clm-operator")
    patch = {"metadata": {"labels": {"clm.dev/schedule": ""}, "ownerReferences": None}}
    words = ("--kubeconfig", operator, "-n", rig.namespace, "patch", "mv", name, "--type=merge")
    assert "patched" in rig.plane.kubectl(*words, "-p", json.dumps(patch))
    rig.ask(name)
    assert eventually(lambda: rig.outcome(name), "the request is decided")
    assert rig.schedule("stripped")["status"]["trials"]["total"] == 1


def test_a_run_whose_job_loses_its_label_and_gets_it_back_ends_well(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("unlabelled", rig.namespace))
    found = eventually(
        lambda: [v for v in rig.versions("unlabelled") if v.get("status", {}).get("jobRef")],
        "its Job was made",
    )
    name = found[0]["metadata"]["name"]
    label = ("-n", rig.namespace, "label", "job", name)
    for value in ("clm.dev/schedule-", "clm.dev/schedule=unlabelled", "clm.dev/schedule-"):
        assert "label" in rig.plane.kubectl(*label, value)
    (version,) = rig.wait_ended("unlabelled")
    assert version["status"]["phase"] == "Succeeded"


def test_a_second_pod_of_the_same_run_exits_0_without_changing_anything(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("twice", rig.namespace))
    (version,) = rig.wait_ended("twice")
    uid = version["metadata"]["uid"]
    layout = RunLayout(rig.namespace, "twice", uid)
    before = rig.minio.keys(rig.namespace, layout.prefix)
    manifest = rig.minio.read(rig.namespace, layout.manifest)
    (job,) = rig.plane.list(rig.namespace, "jobs")
    container = job["spec"]["template"]["spec"]["containers"][0]
    env = {e["name"]: e.get("value", "another-pod") for e in container["env"]}
    done = subprocess.run(
        [sys.executable, "-m", "clm_trainer", "train"],
        env=os.environ | env | rig.minio.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rig.minio.read(rig.namespace, layout.manifest) == manifest
    assert [
        k for k in rig.minio.keys(rig.namespace, layout.prefix) if "another-pod" not in k
    ] == before
    assert not any("model" in k for k in rig.minio.keys(rig.namespace) if "another-pod" in k)


def test_a_run_by_hand_starts_once_per_token(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("hand", rig.namespace, runOnCreate=False))
    rig.wait_status("hand", lambda s: s.get("nextScheduleTime"), "armed")
    assert rig.versions("hand") == []
    for _ in range(2):
        rig.plane.kubectl(
            "-n",
            rig.namespace,
            "annotate",
            "tsched",
            "hand",
            "clm.dev/run-now=friday",
            "--overwrite",
        )
    (version,) = rig.wait_ended("hand")
    assert version["spec"]["trigger"] == {"type": "Manual", "reason": "friday"}
    assert version["metadata"]["name"].startswith("hand-m-")
    rig.settle()
    assert len(rig.versions("hand")) == 1


def _ended_by_hand(rig: Rig, token: str) -> bool:
    return any(
        v["spec"]["trigger"]["reason"] == token and v.get("status", {}).get("phase") == "Failed"
        for v in rig.versions()
    )


def test_retention_keeps_the_newest_failed_runs(rig: Rig) -> None:
    """And nothing that was asked for in the instant before it is removed."""
    wanted: list[str] = []

    def ask_first(seen: Seen) -> Verdict:
        if seen.method == "DELETE" and "/modelversions/" in seen.path and not wanted:
            wanted.append(seen.path.rsplit("/", 1)[-1])
            rig.ask(wanted[0])
        return Verdict.PASS

    rig.api.judge = ask_first
    operator = rig.start_operator()
    rig.apply(
        schedule("kept", rig.namespace, runOnCreate=False, retention={"failedRuns": 1},
                 data={"symbols": ["NOT/HERE"]})
    )  # fmt: skip
    for number, token in enumerate(("a", "b"), start=1):
        asked = f"clm.dev/run-now={token}"
        rig.plane.kubectl(
            "-n", rig.namespace, "annotate", "tsched", "kept", asked, "--overwrite"
        )  # fmt: skip
        eventually(partial(_ended_by_hand, rig, token), f"the run of token {token} has ended")
        rig.settle()
        assert len(rig.versions("kept")) == 1, f"after run {number}"
    (kept,) = rig.versions("kept")
    assert kept["spec"]["trigger"]["reason"] == "b"
    refused = [
        e["involvedObject"]["name"] for e in rig.plane.list(rig.namespace, "events")
        if e["reason"] == "PromotionRefused"
    ]  # fmt: skip
    assert refused == wanted != [], "it was decided before it went"
    folders = {key.split("/")[3] for key in rig.minio.keys(rig.namespace, "runs/")}
    assert folders == {kept["metadata"]["uid"]}, "the store keeps what the cluster keeps"
    assert rig.minio.keys(rig.namespace, "tombstones/") == []

    counted = f'{{namespace="{rig.namespace}",outcome="PromotionRefused",schedule="kept"}} 1.0'
    assert counted in operator.get("/metrics")[1]
    rig.plane.kubectl("-n", rig.namespace, "delete", "tsched", "kept")
    eventually(lambda: 'schedule="kept"' not in operator.get("/metrics")[1], "all is forgotten")


def test_deleting_a_schedule_leaves_nothing_stuck(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("gone", rig.namespace))
    eventually(lambda: rig.plane.list(rig.namespace, "jobs"), "a Job")
    rig.plane.kubectl("-n", rig.namespace, "delete", "tsched", "gone")
    eventually(lambda: not rig.versions("gone"), "the versions are gone")
    eventually(lambda: not rig.plane.list(rig.namespace, "jobs"), "the Jobs are gone")
