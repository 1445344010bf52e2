"""The Job that is created: security, secrets, limits, and what a schedule may decide."""

from hypothesis import given
from hypothesis import strategies as st

from clm_api.reasons import EXIT_CODES, FINAL_EXIT_CODES
from clm_api.run import RunSpec
from clm_operator.building.jobs import training_job
from clm_operator.status.patches import merge_patch
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


def test_a_secret_that_no_run_reads_is_not_mounted() -> None:
    version = b.version(data={"secretRef": {"name": "exchange-key"}})
    assert version.spec is not None
    made = training_job(version, version.spec, b.settings(), b.NOW).manifest
    pod = made["spec"]["template"]["spec"]
    assert "exchange-key" not in str(pod["volumes"])
    assert "CLM_EXCHANGE_KEYS" not in str(pod["containers"][0]["env"])


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
    )
    pod = made["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod["nodeSelector"] == {"pool": "a"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("low", "gvisor")
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"  # type: ignore[index]


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
