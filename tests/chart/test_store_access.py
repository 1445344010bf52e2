"""How operator and trainers get at the store: certificates, roles of a cloud, proxies."""

from pathlib import Path
from typing import Any

import pytest

from clm_operator.settings import load_settings
from tests.support import chart

Raw = dict[str, Any]
S3 = 'objectStore={"secretName":"s3"}'


def _containers(objects: tuple[Raw, ...]) -> list[tuple[Raw, Raw]]:
    """The pods of operator and store check, each with its container."""
    pods = [o["spec"]["template"]["spec"] for o in chart.of_kind(objects, "Deployment")]
    pods += [o["spec"] for o in chart.of_kind(objects, "Pod")]
    return [(pod, pod["containers"][0]) for pod in pods]


def _settings(objects: tuple[Raw, ...], tmp_path: Path) -> Any:
    path = tmp_path / "config.yaml"
    path.write_text(chart.of_kind(objects, "ConfigMap")[0]["data"]["config.yaml"])
    return load_settings(path)


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_the_stores_authority_is_trusted_everywhere(kind: str, tmp_path: Path) -> None:
    store = f'objectStore={{"secretName":"s3","caBundle":{{"{kind}":"corp","key":"root.pem"}}}}'
    objects = chart.render("ns", store)
    found = _containers(objects)
    assert len(found) == 2
    for pod, container in found:
        (volume,) = (v for v in pod["volumes"] if v["name"] == "store-ca")
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "store-ca")
        values = {e["name"]: e.get("value") for e in container["env"]}
        assert volume[kind].get("name", volume[kind].get("secretName")) == "corp"
        assert values["AWS_CA_BUNDLE"] == f"{mount['mountPath']}/root.pem"
    bundle = _settings(objects, tmp_path).store.ca_bundle
    assert (bundle.config_map or bundle.secret, bundle.key) == ("corp", "root.pem")


ROLES = (
    'objectStore={"credentials":"Ambient"}',
    'operator={"serviceAccount":{"annotations":{"eks.amazonaws.com/role-arn":"operators"}}}',
    'trainer={"serviceAccount":{"annotations":{"eks.amazonaws.com/role-arn":"trainers"}}}',
)


def test_roles_of_a_cloud_stand_for_keys(tmp_path: Path) -> None:
    objects = chart.render("ns", *ROLES)
    accounts = {
        a["metadata"]["name"]: a["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
        for a in chart.of_kind(objects, "ServiceAccount")
    }
    assert accounts == {"clm-operator": "operators", "clm-trainer": "trainers"}
    for pod, container in _containers(objects):
        assert "envFrom" not in container
        assert pod["serviceAccountName"] == "clm-operator"
    assert _settings(objects, tmp_path).store.secret_name is None


def test_further_variables_reach_operator_and_trainers(tmp_path: Path) -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
    objects = chart.render(
        "ns", S3, 'extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy:3128"}]'
    )
    assert all(proxy in container["env"] for _, container in _containers(objects))
    assert _settings(objects, tmp_path).trainer.extra_env == [proxy]


REFUSED = [
    (('objectStore={"credentials":"Ambient","secretName":"s3"}',), "leave objectStore.secretName"),
    (("minio.enabled=true", 'objectStore={"credentials":"Ambient"}'), "knows no roles of a cloud"),
    (('objectStore={"secretName":"s3","caBundle":{"configMap":"a","secret":"b"}}',), "set one of"),
    ((S3, 'extraEnv=[{"name":"A","valu":"b"}]'), "additional properties"),
]


@pytest.mark.parametrize(
    ("values", "says"),
    REFUSED,
    ids=["a role and keys", "a role at MinIO", "two bundles", "a misspelt variable"],
)
def test_what_contradicts_itself_fails_the_install(values: tuple[str, ...], says: str) -> None:
    assert says in chart.template("ns", *values).stderr
