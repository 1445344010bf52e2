"""Whatever is wrong ends in its named reason with a sentence; neighbours go on."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest

from clm_api import API_VERSION
from clm_trainer.storage import Storage
from tests.operator.rig import Rig, condition, import_bars
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict
from tests.support.schedules import schedule, schedule_spec

Raw = dict[str, Any]


@dataclass(frozen=True)
class Invalid:
    name: str
    overrides: Raw
    says: str


INVALID = [
    Invalid("a cron expression that isn't one", {"interval": None, "schedule": "61 * * * *"},
            'spec.schedule: "61 * * * *" is not a cron expression'),
    Invalid("a cron expression that never fires", {"interval": None, "schedule": "0 0 30 2 *"},
            "spec.schedule"),
    Invalid("a cron expression of six fields", {"interval": None, "schedule": "0 0 * * * *"},
            "must have five fields"),
    Invalid("an unknown time zone",
            {"interval": None, "schedule": "0 * * * *", "timeZone": "Mars/Base"},
            'spec.timeZone: "Mars/Base" is not an IANA time zone'),
    Invalid("a pod that evicts the system", {"job": {"priorityClassName": "system-node-critical"}},
            'spec.job.priorityClassName: "system-node-critical" is not allowed'),
    Invalid("slots that are too dense", {"interval": "5m"}, "more often than every 15 minutes"),
]  # fmt: skip


def test_an_invalid_spec_ends_in_a_condition_and_a_corrected_one_runs(rig: Rig) -> None:
    rig.start_operator()
    for number, case in enumerate(INVALID):
        rig.apply(schedule(f"invalid-{number}", rig.namespace, **case.overrides))
    rig.apply(schedule("neighbour", rig.namespace))
    for number, case in enumerate(INVALID):
        status = rig.wait_status(f"invalid-{number}", lambda s: condition(s, "Ready"), case.name)
        ready = condition(status, "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "SpecInvalid"), case.name
        assert case.says in ready["message"], case.name
        assert rig.versions(f"invalid-{number}") == []
    rig.wait_ended("neighbour")
    rig.apply(schedule("invalid-4", rig.namespace))
    assert rig.wait_ended("invalid-4")[0]["status"]["phase"] == "Succeeded"


def test_json_that_nests_too_deep_is_its_authors_problem_alone(rig: Rig) -> None:
    text = '{"a":' * 100 + "{}" + "}" * 100
    custom = {"family": "custom", "custom": {"name": "mine", "params": "DEEP"}}
    odd = schedule("deep", rig.namespace, model={"seed": 7} | custom)
    simulated = {
        "apiVersion": API_VERSION, "kind": "Simulation",
        "metadata": {"name": "deep", "namespace": rig.namespace},
        "spec": {"schedule": schedule_spec(), "variants": [{"name": "odd", "patch": "DEEP"}],
                 "from": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z"},
    }  # fmt: skip
    rig.start_operator()
    for plural, raw in (("trainingschedules", odd), ("simulations", simulated)):
        path = f"/apis/{API_VERSION}/namespaces/{rig.namespace}/{plural}"
        rig.plane.kubectl(
            "create", "--raw", path, "-f", "-", stdin=json.dumps(raw).replace('"DEEP"', text)
        )
    rig.apply(schedule("neighbour", rig.namespace))
    eventually(lambda: rig.versions("neighbour"), "the neighbour's run is begun", 90)
    ready = condition(rig.wait_status("deep", lambda s: condition(s, "Ready"), "refused"), "Ready")
    assert ready["message"].startswith("spec.model.custom.params: nests deeper than 64 levels")

    def told() -> bool:
        found = rig.plane.get(rig.namespace, "sim", "deep") or {}
        message: str = found.get("status", {}).get("message", "")
        return message.endswith("patch: nests deeper than 64 levels")

    eventually(told, "the simulation says what is wrong with it")


def _lose_bars(rig: Rig) -> None:
    for key in rig.minio.keys(rig.namespace, "bars/"):
        rig.minio.client.remove_object(bucket_name=rig.namespace, object_name=key)


def _make_hole(rig: Rig) -> None:
    _lose_bars(rig)
    import_bars(Storage(f"s3://{rig.namespace}"), drop=slice(-500, -490))


def _wrong_credentials(rig: Rig) -> None:
    rig.kubelet.overrides["AWS_SECRET_ACCESS_KEY"] = "wrong"


def _store_down_at_upload(rig: Rig) -> None:
    def judge(seen: Seen) -> Verdict:
        uploads = seen.method == "PUT" and "/attempts/" in seen.path
        return Verdict.REFUSE if uploads and "progress.json" not in seen.path else Verdict.PASS

    rig.store_proxy.judge = judge


def _out_of_memory(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "kill -9 $$"]


def _nothing(_: Rig) -> None:
    pass


@dataclass(frozen=True)
class Failing:
    name: str
    reason: str
    says: str
    prepare: Callable[[Rig], None] = _nothing
    overrides: Raw = field(default_factory=dict)


FAILING = [
    Failing("an empty cache and no exchange", "DataUnavailable", "clm data import", _lose_bars),
    Failing("a symbol that is not stored", "DataUnavailable", "NOT/HERE",
            overrides={"data": {"symbols": ["NOT/HERE"]}}),
    Failing("a hole in the bars", "DataGap", "10 bar(s) from", _make_hole),
    Failing("more history than there is", "InsufficientData", "days of bars",
            overrides={"evaluation": {"periodDays": 200}, "data": {"lookbackDays": 380}}),
    Failing("wrong store credentials", "StorageDenied", "the object store refuses",
            _wrong_credentials),
    Failing("a store that is down at upload", "StorageUnavailable", "does not answer",
            _store_down_at_upload),
    Failing("a trainer killed for memory", "OOMKilled", "spec.job.resources.limits.memory",
            _out_of_memory),
    Failing("a GPU that no node has", "Unschedulable", "Insufficient nvidia.com/gpu",
            overrides={"job": {"gpu": {"count": 1}, "pendingDeadlineSeconds": 10}}),
    Failing("a request above the limit", "SpecInvalid", "must be less than or equal to cpu limit",
            overrides={"job": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}}),
    Failing("a node that no selector finds", "Unschedulable", "matching node",
            overrides={"job": {"nodeSelector": {"kubernetes.io/arch": "moon"},
                               "pendingDeadlineSeconds": 10}}),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILING, ids=attrgetter("name"))
def test_a_run_that_cannot_be_done_ends_in_its_reason(rig: Rig, case: Failing) -> None:
    case.prepare(rig)
    rig.start_operator()
    rig.apply(schedule("failing", rig.namespace, **case.overrides))
    (version,) = rig.wait_ended("failing", seconds=180)
    status = version["status"]
    assert (status["phase"], status["stage"]) == ("Failed", "FAILED")
    assert status["reason"] == case.reason
    assert case.says in status["message"]
    seen = rig.wait_status(  # the version's status is written before its schedule's
        "failing",
        lambda s: not s.get("active") and s.get("lastRun", {}).get("reason") == case.reason,
        f"its last run ended with {case.reason}",
    )
    if case.reason.startswith(("Data", "Insufficient")):
        assert condition(seen, "DataAvailable")["reason"] == case.reason
    eventually(
        lambda: all(
            j["status"].get("failed") or j["status"].get("succeeded")
            for j in rig.plane.list(rig.namespace, "jobs")
        ),
        "no Job is left working",
    )


def test_a_version_that_the_api_server_calls_invalid_skips_its_slot_and_holds_up_nothing(
    rig: Rig,
) -> None:
    def judge(seen: Seen) -> Verdict | int:
        makes_version = seen.method == "POST" and seen.path.endswith("/modelversions")
        return 422 if makes_version else Verdict.PASS

    rig.api.judge = judge
    operator = rig.start_operator()
    rig.apply(schedule("poor", rig.namespace))
    status = rig.wait_status("poor", lambda s: s.get("skipped"), "its slot is skipped")
    assert status["skipped"][0]["reason"] == "SpecInvalid"
    assert status["nextScheduleTime"]
    assert operator.get("/healthz")[0] == 200


def test_a_schedule_made_again_under_its_name_is_another_schedule(rig: Rig) -> None:
    def make_and_ask(token: str) -> None:
        rig.apply(schedule("again", rig.namespace, runOnCreate=False))
        asked = f"clm.dev/run-now={token}"
        rig.plane.kubectl("-n", rig.namespace, "annotate", "tsched", "again", asked, "--overwrite")

    rig.start_operator()
    make_and_ask("one")
    (old,) = rig.wait_ended("again")
    rig.plane.kubectl("-n", rig.namespace, "delete", "tsched", "again")
    eventually(lambda: not rig.versions("again"), "its versions are gone with it")
    name = old["metadata"]["name"]
    meta = {"name": name, "labels": old["metadata"]["labels"]}
    rig.create_version({k: old[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": meta})
    make_and_ask("one")
    status = rig.wait_status("again", lambda s: s.get("skipped"), "the name is taken")
    assert status["skipped"][0]["reason"] == "NameCollision"
    assert name in status["skipped"][0]["message"]
    make_and_ask("two")
    (fresh,) = (v for v in rig.wait_ended("again") if v["metadata"]["name"] != name)
    assert fresh["spec"]["scheduleRef"]["uid"] == rig.schedule("again")["metadata"]["uid"]
    untouched = rig.plane.get(rig.namespace, "mv", name)
    assert untouched is not None
    assert untouched["status"] == {"observedGeneration": -1}, "nobody has looked at it"


def test_a_tampered_artifact_is_never_harvested(rig: Rig) -> None:
    rig.config_overrides["progressPollSeconds"] = 30

    def judge(seen: Seen) -> Verdict:
        if seen.method == "PUT" and seen.path.endswith("/manifest.json"):
            uid = seen.path.split("/")[-2]
            prefix = f"runs/{rig.namespace}/tampered/{uid}/"
            (equity,) = [
                k for k in rig.minio.keys(rig.namespace, prefix) if k.endswith("equity.parquet")
            ]
            content = bytearray(rig.minio.read(rig.namespace, equity))
            content[len(content) // 2] ^= 1
            Storage(f"s3://{rig.namespace}").put(equity, bytes(content))
        return Verdict.PASS

    rig.store_proxy.judge = judge
    rig.start_operator()
    rig.apply(schedule("tampered", rig.namespace))
    (version,) = rig.wait_ended("tampered")
    assert version["status"]["reason"] == "ArtifactCorrupt"
    assert "equity.parquet" in version["status"]["message"]


def test_a_deleted_job_is_lost_and_an_operator_without_api_server_comes_back(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sleep", "600"]
    operator = rig.start_operator()
    rig.apply(schedule("lost", rig.namespace))
    rig.wait_status(
        "lost", lambda s: [a for a in s.get("active", ()) if a["phase"] == "Running"], "running"
    )
    rig.api.judge = lambda _: 503
    rig.plane.kubectl("-n", rig.namespace, "delete", "jobs", "--all", "--wait=false")
    rig.api.judge = lambda _: Verdict.PASS
    (version,) = rig.wait_ended("lost")
    assert version["status"]["reason"] == "JobLost"
    assert not operator.ended
