"""Every run has keys of its own: a Secret that goes with its Job, never read."""

import base64
import json
from typing import Any

import pytest

from tests.operator.rig import CANARY, Rig, forbid
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict, let_pass
from tests.support.schedules import schedule

Raw = dict[str, Any]
KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def taken_by(job: Raw) -> str:
    """Return the Secret that a Job's pods take."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (source,) = container["envFrom"]
    return str(source["secretRef"]["name"])


def said(version: Raw) -> str:
    return f"{version.get('status', {}).get('reason')}: {version.get('status', {}).get('message')}"


def asks_for_keys(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path == "/"


def test_a_run_works_with_keys_that_were_lent_for_it(rig: Rig) -> None:
    rig.start_operator()
    rig.apply(schedule("lent", rig.namespace))
    (version,) = rig.wait_ended("lent")
    assert version["status"]["phase"] == "Succeeded", said(version)
    (job,) = rig.plane.list(rig.namespace, "jobs")
    (secret,) = rig.secrets(version["metadata"]["name"])
    assert taken_by(job) == secret["metadata"]["name"]
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", job["metadata"]["uid"])
    assert set(secret["data"]) == KEYS
    token = base64.b64decode(secret["data"]["AWS_SESSION_TOKEN"]).decode()
    key = base64.b64decode(secret["data"]["AWS_SECRET_ACCESS_KEY"]).decode()
    assert key != CANARY
    logs = [rig.operators[-1].log, *rig.kubelet.folder.glob("*.log")]
    texts = [rig.dump(), *(path.read_text() for path in logs)]
    assert not [text for text in texts if token in text or key in text], "keys are shown nowhere"
    rig.plane.kubectl("-n", rig.namespace, "delete", "tsched", "lent")
    eventually(lambda: not rig.secrets(version["metadata"]["name"]), "the Secret is gone too")


def test_the_operator_creates_secrets_and_never_reads_one(rig: Rig) -> None:
    account = rig.plane.account_kubeconfig(rig.namespace, "clm-operator")
    words = ("--kubeconfig", account, "-n", rig.namespace, "auth", "can-i")
    rights = {
        verb: rig.plane.kubectl(*words, verb, "secrets", check=False).strip()
        for verb in ("create", "get", "list", "watch", "update", "patch", "delete")
    }
    assert rights.pop("create") == "yes"
    assert set(rights.values()) == {"no"}


def test_killed_between_job_and_secret_the_next_operator_lends_what_the_pod_waits_for(
    rig: Rig,
) -> None:
    tries: list[Seen] = []

    def judge(seen: Seen) -> Verdict:
        if seen.method == "POST" and seen.path.endswith("/jobs"):
            tries.append(seen)
        return Verdict.SWALLOW if len(tries) == 2 else Verdict.PASS

    rig.api.judge = judge  # the first one is the dry run
    rig.api.after = lambda _: rig.operators[-1].kill()
    rig.start_operator()
    rig.apply(schedule("cut", rig.namespace))
    eventually(lambda: rig.operators[-1].ended, "the operator is killed")
    rig.api.judge = let_pass
    (version,) = rig.versions("cut")
    name = version["metadata"]["name"]
    (job,) = eventually(lambda: rig.plane.list(rig.namespace, "jobs"), "the Job is there")
    assert rig.secrets(name) == []
    rig.start_operator()
    (version,) = rig.wait_ended("cut")
    assert version["status"]["phase"] == "Succeeded", said(version)
    (secret,) = rig.secrets(name)
    assert secret["metadata"]["name"] == taken_by(job)
    rig.plane.kubectl("-n", rig.namespace, "delete", "job", name)
    eventually(lambda: not rig.secrets(name), "the Secret goes with the Job")


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (403, "StorageDenied", "refuses credentials for one run"),
        (Verdict.REFUSE, "StorageUnavailable", "does not answer, and is asked again"),
        (503, "StorageUnavailable", "lends no credentials now"),
    ],
    ids=["refused", "away", "not now"],
)
def test_a_store_that_lends_nothing_is_asked_again_and_nothing_else_is_used(
    rig: Rig, answer: Verdict | int, reason: str, words: str
) -> None:
    rig.store_proxy.judge = lambda seen: answer if asks_for_keys(seen) else Verdict.PASS
    operator = rig.start_operator()
    rig.apply(schedule("waits", rig.namespace))
    eventually(
        lambda: [v for v in rig.versions("waits") if said(v).startswith(reason)], "it says why"
    )
    (version,) = rig.versions("waits")
    assert version["status"]["phase"] == "Pending"
    assert words in said(version)
    rig.apply(schedule("neighbour", rig.namespace, runOnCreate=False))
    rig.wait_status("neighbour", lambda s: s.get("nextScheduleTime"), "served meanwhile")
    assert rig.plane.list(rig.namespace, "jobs") == []
    assert rig.secrets(version["metadata"]["name"]) == []
    rig.store_proxy.judge = let_pass
    (version,) = rig.wait_ended("waits")
    assert version["status"]["phase"] == "Succeeded", said(version)
    assert operator.get("/healthz")[0] == 200


def _forbid_jobs(rig: Rig) -> None:
    forbid(rig, "jobs.batch")
    words = ("-n", rig.namespace, "create", "job", "probe", "--image=x", "--dry-run=server")
    eventually(
        lambda: "exceeded quota" in rig.plane.kubectl(*words, check=False), "no Job may be made"
    )


def test_a_job_that_a_quota_forbids_costs_no_keys_and_holds_up_nothing(rig: Rig) -> None:
    _forbid_jobs(rig)
    rig.start_operator()
    rig.apply(schedule("poor", rig.namespace))

    def refused() -> int:
        return sum(s.method == "POST" and s.path.endswith("/jobs") for s in rig.api.seen)

    eventually(lambda: refused() > 2, "the Job is tried again")
    (version,) = rig.versions("poor")
    assert "QuotaPending: forbidden for now: jobs.batch" in said(version)
    assert "exceeded quota: none" in said(version)
    rig.wait_status("poor", lambda s: s.get("nextScheduleTime"), "its status is written")
    assert rig.secrets(version["metadata"]["name"]) == []
    assert not [seen for seen in rig.store_proxy.seen if asks_for_keys(seen)]
    rig.plane.kubectl("-n", rig.namespace, "delete", "resourcequota", "none")
    (version,) = rig.wait_ended("poor")
    assert version["status"]["phase"] == "Succeeded", said(version)
    assert len(rig.secrets(version["metadata"]["name"])) == 1


def test_static_credentials_are_those_of_the_configured_secret(rig: Rig) -> None:
    rig.config_overrides["store"] = rig.config()["store"] | {"credentials": "Static"}
    rig.start_operator()
    rig.apply(schedule("static", rig.namespace))
    (version,) = rig.wait_ended("static")
    assert version["status"]["phase"] == "Succeeded", said(version)
    (job,) = rig.plane.list(rig.namespace, "jobs")
    assert taken_by(job) == "clm-store"
    assert rig.secrets(version["metadata"]["name"]) == []
    assert not [seen for seen in rig.store_proxy.seen if asks_for_keys(seen)]
    assert json.dumps(job).count("SECRET") == 0
