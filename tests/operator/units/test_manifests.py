"""The Job that is created: security, secrets, limits, and what a schedule may decide."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.reasons import EXIT_CODES, FINAL_EXIT_CODES
from clm_api.replay import Contender
from clm_api.run import RunSpec
from clm_operator.cluster.patches import merge_patch
from clm_operator.jobs.credentials import Credentials, secret_manifest
from clm_operator.jobs.manifest import NewJob
from clm_operator.runs.job import training_job
from clm_operator.settings import Settings
from tests.operator.units import builders as b

MOST_BYTES = 32 * 1024


def manifest(**job: object) -> dict[str, object]:
    """Build the Job of a version whose schedule has these job fields."""
    version = b.version(job=job) if job else b.version()
    assert version.spec is not None
    return training_job(version, version.spec, b.settings(), b.NOW).manifest


def test_a_training_pod_is_restricted_and_has_no_api_access() -> None:
    pod = manifest()["spec"]["template"]["spec"]  # type: ignore[index]
    container = pod["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_exchange_key_is_mounted_as_files_where_own_trades_are_read() -> None:
    version = b.version(data={"ownTrades": True, "secretRef": {"name": "exchange-key"}})
    assert version.spec is not None
    made = training_job(version, version.spec, b.settings(exchangeShare=0.25), b.NOW).manifest
    pod = made["spec"]["template"]["spec"]
    volume = {v["name"]: v for v in pod["volumes"]}["exchange-keys"]["secret"]
    assert (volume["secretName"], volume["defaultMode"]) == ("exchange-key", 0o440)
    assert [item["key"] for item in volume["items"]] == ["apiKey", "secret"]
    assert volume["optional"], "the trainer says what is missing, instead of a pod that hangs"
    mount = {m["name"]: m for m in pod["containers"][0]["volumeMounts"]}["exchange-keys"]
    values = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
    assert (values["CLM_EXCHANGE_KEYS"], mount["readOnly"]) == (mount["mountPath"], True)
    assert values["CLM_EXCHANGE_SHARE"] == "0.25"


def _pod(settings: Settings) -> dict[str, Any]:
    version = b.version()
    assert version.spec is not None
    made = training_job(version, version.spec, settings, b.NOW).manifest
    pod: dict[str, Any] = made["spec"]["template"]["spec"]
    return pod


STORE = {"url": "s3://models", "secretName": "store"}
BUNDLES = [
    ({"configMap": "corp"}, {"configMap": {"name": "corp"}}, "ca.crt"),
    ({"secret": "corp", "key": "root.pem"}, {"secret": {"secretName": "corp"}}, "root.pem"),
]  # fmt: skip


@pytest.mark.parametrize(("bundle", "source", "key"), BUNDLES, ids=["a ConfigMap", "a Secret"])
def test_the_stores_own_authority_is_trusted_by_pods(
    bundle: dict[str, str], source: dict[str, Any], key: str
) -> None:
    pod = _pod(b.settings(store={**STORE, "caBundle": bundle}))
    volume = {v["name"]: v for v in pod["volumes"]}["store-ca"]
    ((kind, found),) = ((k, v) for k, v in volume.items() if k != "name")
    assert {kind: {k: v for k, v in found.items() if k != "items"}} == source
    assert found["items"] == [{"key": key, "path": key}]
    mount = {m["name"]: m for m in pod["containers"][0]["volumeMounts"]}["store-ca"]
    values = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
    assert values["AWS_CA_BUNDLE"] == f"{mount['mountPath']}/{key}"


def test_a_role_of_the_cloud_needs_no_secret() -> None:
    pod = _pod(b.settings(store={"url": "s3://models", "credentials": "Ambient"}))
    (container,) = pod["containers"]
    assert container["envFrom"] == []
    assert {"name": "CLM_STORE_AMBIENT", "value": "1"} in container["env"]


def test_further_variables_reach_pods_and_never_replace_clms_own() -> None:
    images = b.settings().trainer.images
    extra = [
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
        {"name": "CLM_STORE_URL", "value": "s3://elsewhere"},
    ]
    pod = _pod(b.settings(trainer={"images": images, "extraEnv": extra}))
    found = [(e["name"], e.get("value")) for e in pod["containers"][0]["env"]]
    assert ("HTTPS_PROXY", "http://proxy:3128") in found
    assert [value for name, value in found if name == "CLM_STORE_URL"] == ["s3://models"]


@pytest.mark.parametrize(
    ("uri", "reads"),
    [
        ("s3://models/runs/ns/btc/uid-0/manifest.json", True),
        ("s3://elsewhere/runs/ns/btc/uid-0/manifest.json", False),
    ],
    ids=["in this store", "in a store of before"],
)
def test_a_run_is_told_who_is_in_production_and_may_read_it(uri: str, *, reads: bool) -> None:
    version = b.version()
    assert version.spec is not None
    champion = Contender(version="btc-0", uri=uri, sha256="0" * 64, since=b.NOW)
    made = training_job(version, version.spec, b.settings(store=PER_RUN), b.NOW, champion)
    container = made.manifest["spec"]["template"]["spec"]["containers"][0]
    values = {e["name"]: e.get("value") for e in container["env"]}
    assert Contender.model_validate_json(values["CLM_CHAMPION"]) == champion
    assert any("uid-0" in path for path in made.grants[0].forms[0].reads) is reads
    assert not any("uid-0" in path for form in made.grants[0].forms for path in form.writes)


def test_a_run_without_anybody_in_production_is_told_nothing() -> None:
    assert "CLM_CHAMPION" not in str(manifest())


def test_further_labels_and_annotations_reach_pods_and_never_replace_clms_own() -> None:
    version, images = b.version(), b.settings().trainer.images
    assert version.spec is not None
    labels = {"mesh": "off", "clm.dev/schedule": "other"}
    trainer = {"images": images, "podLabels": labels, "podAnnotations": {"note": "here"}}
    made = training_job(version, version.spec, b.settings(trainer=trainer), b.NOW).manifest
    meta = made["spec"]["template"]["metadata"]
    assert (meta["labels"]["mesh"], meta["labels"]["clm.dev/schedule"]) == ("off", "btc")
    assert meta["annotations"]["note"] == "here"


def test_a_secret_that_no_run_reads_is_not_mounted() -> None:
    version = b.version(data={"secretRef": {"name": "exchange-key"}})
    assert version.spec is not None
    made = training_job(version, version.spec, b.settings(), b.NOW).manifest
    pod = made["spec"]["template"]["spec"]
    assert "exchange-key" not in str(pod["volumes"])
    assert "CLM_EXCHANGE_KEYS" not in str(pod["containers"][0]["env"])


PER_RUN = {
    "url": "s3://models", "secretName": "store", "endpoint": "http://minio:9000",
    "credentials": "PerRun",
}  # fmt: skip


def lent_job(now: datetime = b.NOW, **job: Any) -> NewJob:
    """Build the Job of a version whose store lends credentials."""
    version = b.version(job=job)
    assert version.spec is not None
    return training_job(version, version.spec, b.settings(store=PER_RUN), now)


def from_secrets(manifest: dict[str, object]) -> list[str]:
    container = manifest["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    return [source["secretRef"]["name"] for source in container["envFrom"]]


def test_a_pod_takes_the_static_secret_or_one_of_its_own_and_never_both() -> None:
    assert from_secrets(manifest()) == ["store"]
    job = lent_job()
    assert from_secrets(job.manifest) == [job.grants[0].name]


def test_the_secret_of_a_run_goes_with_its_job_and_holds_what_was_lent() -> None:
    job = lent_job()
    grant = job.grants[0].owned({"metadata": {"name": "btc-1", "uid": "job-uid"}})
    made = secret_manifest(grant, Credentials("id", "key", "token"))
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["apiVersion"], owner["uid"]) == ("Job", "batch/v1", "job-uid")
    assert made["metadata"]["namespace"] == "ns"
    assert made["immutable"] is True
    assert made["stringData"] == {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token"
    }  # fmt: skip


def test_every_round_names_another_secret_so_that_a_crash_leaves_nothing_in_the_way() -> None:
    rounds = [lent_job(b.NOW + timedelta(microseconds=i)) for i in range(3)]
    names = [grant.name for job in rounds for grant in job.grants]
    assert len(set(names)) == 3
    assert all(name.startswith("btc-1-") and len(name) == len("btc-1-") + 8 for name in names)
    assert {job.name for job in rounds} == {"btc-1"}


def test_lent_keys_are_never_shown() -> None:
    assert repr(Credentials("id", "a-key", "a-token")) == "Credentials(access_key='id')"


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        ({"pendingDeadlineSeconds": 1800, "activeDeadlineSeconds": 7200}, 9600),
        ({"pendingDeadlineSeconds": 10, "activeDeadlineSeconds": 30}, 3600),
        ({"pendingDeadlineSeconds": 604800, "activeDeadlineSeconds": 604800}, 604800),
        ({"queueName": "team"}, 9600),
    ],
    ids=["both deadlines and ten minutes", "no less than an hour", "no more than a week",
         "a queue's time does not count"],
)  # fmt: skip
def test_credentials_last_as_long_as_the_run_may(job: dict[str, Any], seconds: int) -> None:
    (grant,) = lent_job(**job).grants
    assert grant.seconds == seconds


def test_the_run_spec_arrives_whole_and_small() -> None:
    container = manifest()["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    values = {e["name"]: e.get("value") for e in container["env"]}
    told = RunSpec.model_validate_json(values["CLM_RUN_SPEC"])
    version = b.version()
    assert version.spec is not None
    assert told == version.spec.run
    assert len(values["CLM_RUN_SPEC"]) < MOST_BYTES
    assert values["CLM_RUN_UID"] == version.uid


def test_disruptions_are_ignored_and_final_exit_codes_end_the_job() -> None:
    rules = manifest()["spec"]["podFailurePolicy"]["rules"]  # type: ignore[index]
    assert [r["action"] for r in rules] == ["Ignore", "FailJob"]
    assert rules[1]["onExitCodes"]["values"] == list(FINAL_EXIT_CODES)
    assert {c for c in EXIT_CODES.values() if c <= 68} == set(FINAL_EXIT_CODES)


def test_a_gpu_is_a_limit_and_zero_gpus_are_none() -> None:
    asked = manifest(gpu={"count": 2})["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    assert asked["resources"]["limits"] == {"memory": "4Gi", "nvidia.com/gpu": "2"}
    none = manifest()["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    assert none["resources"]["limits"] == {"memory": "4Gi"}


def test_the_closed_list_of_pod_fields_arrives() -> None:
    made = manifest(
        nodeSelector={"pool": "a"},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        priorityClassName="low",
        runtimeClassName="gvisor",
        queueName="team",
        priorityClass="research",
    )
    pod = made["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod["nodeSelector"] == {"pool": "a"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("low", "gvisor")
    labels = made["metadata"]["labels"]  # type: ignore[index]
    assert labels["kueue.x-k8s.io/queue-name"] == "team"
    assert labels["kueue.x-k8s.io/priority-class"] == "research"
    assert made["spec"]["template"]["metadata"]["labels"].keys() < labels.keys()  # type: ignore[index]


def test_a_job_that_names_no_queue_has_no_label_of_one() -> None:
    labels = manifest()["metadata"]["labels"]  # type: ignore[index]
    assert [one for one in labels if "kueue" in one] == []


_JSON = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)
_MAPS = st.dictionaries(st.text(max_size=2), _JSON, max_size=5)


def _applied(target: object, patch: object) -> object:
    """Apply a merge patch as RFC 7386 writes it down."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _applied(result.get(key), value)
    return result


@given(old=_MAPS, new=_MAPS)
def test_a_patch_turns_one_status_into_the_other(
    old: dict[str, object], new: dict[str, object]
) -> None:
    assert _applied(old, merge_patch(old, new)) == new


@given(same=_MAPS)
def test_nothing_is_written_when_nothing_changed(same: dict[str, object]) -> None:
    assert merge_patch(same, same) == {}
