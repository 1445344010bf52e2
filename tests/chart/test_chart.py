"""The chart as Helm renders it: closed values, least rights, restricted pods, a good config."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from clm_api.families import Family, FamilyParameters
from clm_operator.settings import DEFAULTS, load_settings
from clm_operator.store.own_keys import FOLDER_VARIABLE
from tests.support import chart
from tests.support.repository import ROOT

Raw = dict[str, Any]
DEMO = ("minio.enabled=true",)
S3 = ('objectStore={"secretName": "s3"}',)
FULL = (
    *S3, 'watchNamespaces=["one","two"]', 'commonLabels={"team":"quant"}',
    'serviceMonitor={"enabled":true}', 'exchangeUrl="http://proxy:8080"', "exchangeShare=0.2",
    'families={"xgboost":{"resources":{"limits":{"memory":"8Gi"}}}}',
)  # fmt: skip


@pytest.mark.parametrize("values", [DEMO, S3, FULL], ids=["demo", "s3", "full"])
def test_the_operators_configuration_loads(values: tuple[str, ...], tmp_path: Path) -> None:
    config = chart.of_kind(chart.render("ns", *values), "ConfigMap")[0]["data"]["config.yaml"]
    path = tmp_path / "config.yaml"
    path.write_text(config)
    settings = load_settings(path)
    resources = settings.families[next(iter(settings.families))]["resources"]
    assert resources["requests"]["memory"] == "1Gi", "a partial map drops no default"
    assert settings.store.credentials == ("PerRun" if values is DEMO else "Static")
    if values is FULL:
        assert settings.watch_namespaces == ["one", "two"]
        assert settings.exchange_share == 0.2
        assert resources["limits"]["memory"] == "8Gi"


QUEUES = (
    *S3,
    'families={"nhits":{"queueName":"gpu","priorityClass":"training"},"xgboost":{"queueName":"cpu"}}',
    'replays={"queueName":"replays"}', 'jobPolicy={"workloadPriorityClasses":["training"]}',
)  # fmt: skip


def test_families_and_replays_have_queues_of_their_own(tmp_path: Path) -> None:
    config = chart.of_kind(chart.render("ns", *QUEUES), "ConfigMap")[0]["data"]["config.yaml"]
    path = tmp_path / "config.yaml"
    path.write_text(config)
    settings = load_settings(path)
    pods = {family: settings.job_defaults(family) for family in Family}
    assert pods[Family.NHITS]["queueName"] == "gpu"
    assert pods[Family.NHITS]["priorityClass"] == "training"
    assert pods[Family.XGBOOST]["queueName"] == "cpu"
    assert "queueName" not in pods[Family.LIGHTGBM]
    assert settings.replays.queue_name == "replays"
    assert settings.replays.priority_class is None
    assert settings.job_policy.workload_priority_classes == ["training"]


@pytest.mark.parametrize("family", Family, ids=str)
def test_every_family_has_an_image_of_its_flavour(family: Family, tmp_path: Path) -> None:
    pod = f'families={{"{family}":{{"gpu":{{"count":1}}}}}}'
    config = chart.of_kind(chart.render("ns", *S3, pod), "ConfigMap")[0]["data"]["config.yaml"]
    path = tmp_path / "config.yaml"
    path.write_text(config)
    settings = load_settings(path)
    model = FamilyParameters.model_validate(
        {"family": family, family.field: family.row.sample if family.row.example else None}
    )
    flavour = model.flavour
    defaults = settings.pod_defaults(model)
    assert defaults["image"].startswith("clm-trainer:")
    assert defaults["image"].endswith(f"-{flavour}")
    assert defaults["gpu"]["count"] == 1


def test_flavours_are_the_trainers_extras_and_the_charts_images() -> None:
    project = tomllib.loads((ROOT / "trainer-image" / "pyproject.toml").read_text())["project"]
    values = yaml.safe_load((ROOT / "charts" / "clm" / "values.yaml").read_text())
    flavours = {pod["flavour"] for pod in DEFAULTS["families"].values()}
    assert set(DEFAULTS["families"]) == {family.value for family in Family}
    assert set(project["optional-dependencies"]) == flavours | {"torch"}, "torch: a shared layer"
    assert set(values["trainer"]["images"]) == flavours


TYPOS = [
    "operatr={}",
    'operator={"replicas":-1}',
    'operator={"tolerationSeconds":"30s"}',
    'objectStore={"bukket":"x"}',
    'minio={"enabled":"yes"}',
    'families={"xgbost":{}}',
    'families={"nhits":{"queueName":"GPU"}}',
    'families={"nhits":{"priorityClass":"a_b"}}',
    'replays={"queueName":"-x"}',
    'objectStore={"credentials":"PerUser"}',
    "exchangeShare=1.5",
    'operator={"image":{"repository":"x","digest":"latest"}}',
]


@pytest.mark.parametrize("typo", TYPOS, ids=str)
def test_a_misspelt_value_fails(typo: str) -> None:
    result = chart.template("ns", *DEMO, typo)
    assert result.returncode != 0
    assert "values don't meet the specifications" in result.stderr


def test_without_a_store_the_install_says_what_to_set() -> None:
    assert "set objectStore.secretName" in chart.template("ns").stderr


def test_the_operator_has_the_least_rights() -> None:
    objects = chart.render("ns", *FULL)
    assert not chart.of_kind(objects, "ClusterRoleBinding")
    roles = chart.of_kind(objects, "Role")
    assert [r["metadata"].get("namespace", "ns") for r in roles] == ["one", "two", "ns"]
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert "secrets" not in rule["resources"]


MINIO = ('objectStore={"secretName":"s3","endpoint":"https://minio:9000","credentials":"PerRun"}',)


@pytest.mark.parametrize("values", [DEMO, MINIO], ids=["demo", "another MinIO"])
def test_for_runs_own_keys_the_operator_may_create_secrets_and_not_read_them(
    values: tuple[str, ...],
) -> None:
    roles = chart.of_kind(chart.render("ns", *values, 'watchNamespaces=["one"]'), "Role")
    for role in (one for one in roles if one["metadata"]["name"] == "clm-operator"):
        rules = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
        assert [rule["verbs"] for rule in rules] == [["create"]]
        assert [rule["resources"] for rule in rules] == [["secrets"]]


def test_the_bundled_stores_keys_stay_with_the_operator_unless_pods_need_them() -> None:
    def holders(*more: str) -> set[str]:
        objects = chart.render("ns", *DEMO, 'watchNamespaces=["one","two"]', *more)
        return {secret["metadata"]["namespace"] for secret in chart.of_kind(objects, "Secret")}

    assert holders() == {"ns"}
    assert holders('objectStore={"credentials":"Static"}') == {"ns", "one", "two"}


def test_keys_per_run_need_a_store_that_is_asked_for_them() -> None:
    asked = ('objectStore={"secretName":"s3","credentials":"PerRun"}',)
    assert "set objectStore.endpoint" in chart.template("ns", *asked).stderr


@pytest.mark.parametrize(
    ("values", "sharing"),
    [
        ((), "Cluster"),
        (('watchNamespaces=["one","two"]',), "Namespace"),
        (('watchNamespaces=["*"]',), "Namespace"),
        (('watchNamespaceSelector={"matchLabels":{"serve":"yes"}}',), "Namespace"),
        (('watchNamespaces=["one","two"]', 'objectStore={"sharing":"Cluster"}'), "Cluster"),
    ],
    ids=[
        "one namespace shares",
        "several are apart",
        "so are all",
        "so are chosen ones",
        "unless somebody says that they share",
    ],
)
def test_namespaces_are_apart(values: tuple[str, ...], sharing: str, tmp_path: Path) -> None:
    objects = chart.render("ns", *DEMO, *values)
    path = tmp_path / "config.yaml"
    path.write_text(chart.of_kind(objects, "ConfigMap")[0]["data"]["config.yaml"])
    store = load_settings(path).store
    assert (store.sharing, store.widest_keys) == (sharing, "Market")


@pytest.mark.parametrize(
    ("values", "secret"),
    [(S3, "s3"), (('objectStore={"credentials":"Ambient"}',), None)],
    ids=["keys of a Secret", "a role of the cloud"],
)
def test_the_operator_reads_its_keys_where_they_are_mounted(
    values: tuple[str, ...], secret: str | None
) -> None:
    (deployment,) = chart.of_kind(chart.render("trading", *values), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    told = {v["name"]: v.get("value") for v in container["env"]}
    mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
    volumes = {v["name"]: v.get("secret", {}).get("secretName") for v in pod["volumes"]}
    folder = told.get(FOLDER_VARIABLE)
    assert (folder is None) == (secret is None)
    assert volumes.get(mounts.get(folder)) == secret


def test_policies_guard_the_watched_namespaces_and_know_the_operators_account() -> None:
    objects = chart.render("ns", *FULL)
    own = {"requests.clm.ns.clm.dev", "statuses.clm.ns.clm.dev"}
    policies = chart.of_kind(objects, "ValidatingAdmissionPolicy")
    texts = {p["metadata"]["name"]: str(p["spec"]) for p in policies}
    assert own <= set(texts)
    assert all('"system:serviceaccount:ns:clm-operator"' in texts[name] for name in own)
    bindings = chart.of_kind(objects, "ValidatingAdmissionPolicyBinding")
    for binding in (one for one in bindings if one["spec"]["policyName"] in own):
        (seen,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert seen["values"] == ["one", "two"]
        assert binding["spec"]["validationActions"] == ["Deny"]


def test_trainers_have_no_rights_and_no_token() -> None:
    objects = chart.render("ns", *FULL)
    accounts = {a["metadata"]["name"]: a for a in chart.of_kind(objects, "ServiceAccount")}
    assert accounts["clm-trainer"]["automountServiceAccountToken"] is False
    bound = [s["name"] for b in chart.of_kind(objects, "RoleBinding") for s in b["subjects"]]
    assert "clm-trainer" not in bound


def _pod_specs(objects: tuple[Raw, ...]) -> list[Raw]:
    made = [o["spec"]["template"]["spec"] for o in chart.of_kind(objects, "Deployment")]
    return made + [o["spec"] for o in chart.of_kind(objects, "Pod")]


def test_every_pod_is_restricted() -> None:
    pods = _pod_specs(chart.render("ns", *DEMO))
    assert len(pods) == 3
    for pod in pods:
        _check_restricted(pod)


def _check_restricted(pod: Raw) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_definitions_are_kept_and_can_be_left_out() -> None:
    kept = chart.of_kind(chart.render("ns", *DEMO), "CustomResourceDefinition")
    assert len(kept) == 3
    assert {d["metadata"]["annotations"]["helm.sh/resource-policy"] for d in kept} == {"keep"}
    without = chart.render("ns", *DEMO, 'crds={"enabled":false}')
    assert not chart.of_kind(without, "CustomResourceDefinition")


def test_the_charts_definitions_are_the_contracts() -> None:
    rendered = {
        d["metadata"]["name"]: d["spec"]
        for d in chart.of_kind(chart.render("ns", *DEMO), "CustomResourceDefinition")
    }
    for name in ("trainingschedules", "modelversions", "simulations"):
        plain = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())
        assert rendered[plain["metadata"]["name"]] == plain["spec"]


def test_naming_an_exchange_key_is_guarded_in_the_watched_namespaces() -> None:
    objects = chart.render("ns", *FULL)
    policy, binding = (o for o in objects if o["metadata"]["name"].startswith("exchange-keys."))
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    selector = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0]
    assert selector["values"] == ["one", "two"]
    assert "system:serviceaccount:ns:clm-operator" in str(policy["spec"]["matchConditions"])
