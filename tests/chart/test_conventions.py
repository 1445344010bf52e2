"""What users of other charts expect: labels, annotations, budgets, policies, a README of values."""

from typing import Any

import pytest
import yaml
from tools.values.__main__ import UnexplainedError, readme, rows

from clm_operator.edge.leader import POD_VARIABLE, UID_VARIABLE
from tests.support import chart
from tests.support.repository import ROOT

Raw = dict[str, Any]
DEMO = ("minio.enabled=true",)
EVERYTHING = (
    *DEMO, 'watchNamespaces=["one","two"]', 'networkPolicy={"enabled":true}',
    'operator={"podDisruptionBudget":{"enabled":true}}', 'serviceMonitor={"enabled":true}',
    'prometheusRule={"enabled":true}', 'grafanaDashboard={"enabled":true}',
)  # fmt: skip
OWN = "app.kubernetes.io"


def _one(objects: tuple[Raw, ...], kind: str, name: str = "clm-operator") -> Raw:
    (found,) = (o for o in chart.of_kind(objects, kind) if o["metadata"]["name"] == name)
    return found


def test_common_labels_are_on_everything() -> None:
    objects = chart.render("ns", *EVERYTHING, 'commonLabels={"team":"quant"}')
    pods = [o["spec"]["template"] for o in chart.of_kind(objects, "Deployment")]
    lacking = [o.get("kind", "pod") for o in (*objects, *pods)
               if o["metadata"].get("labels", {}).get("team") != "quant"]  # fmt: skip
    assert not lacking


ODD = ("2024", "true", "1e3", "null")
"""Valid names of namespaces, Secrets and nodes' classes that YAML takes for something else."""
NAMED = (
    "name",
    "namespace",
    "secretName",
    "priorityClassName",
    "kubernetes.io/metadata.name",
    "key",
)


def _named(found: object) -> list[object]:
    """Return what an object says wherever a name stands."""
    if isinstance(found, list):
        return [name for part in found for name in _named(part)]
    if not isinstance(found, dict):
        return []
    here = [value for key, value in found.items() if key in NAMED]
    return [name for name in here if not isinstance(name, dict | list)] + _named([*found.values()])


@pytest.mark.parametrize("odd", ODD)
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(odd: str) -> None:
    names = f'["{odd}"]'
    objects = chart.render(
        odd, "networkPolicy.enabled=true", f"watchNamespaces={names}",
        f'objectStore={{"secretName":"{odd}","endpoint":"http://s3:9000","region":"{odd}",'
        f'"credentials":"Static","caBundle":{{"configMap":"{odd}","key":"{odd}"}}}}',
        f'operator={{"imagePullSecrets":{names},"priorityClassName":"{odd}"}}',
    )  # fmt: skip
    wrong = [(o["kind"], name) for o in objects for name in _named(o) if not isinstance(name, str)]
    assert not [pair for pair in wrong if pair[0] != "CustomResourceDefinition"]
    config = yaml.safe_load(_one(objects, "ConfigMap")["data"]["config.yaml"])["store"]
    found = [config["secretName"], config["region"], *config["caBundle"].values()]
    assert found == [odd] * 4


HOSTILE = {f"{OWN}/{name}": "other" for name in ("name", "instance", "component", "managed-by")}


def _as_json(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'"{key}":"{value}"' for key, value in labels.items()) + "}"


@pytest.mark.parametrize("place", ["commonLabels", "podLabels"])
def test_no_label_of_the_values_takes_a_pod_from_its_selectors(place: str) -> None:
    labels = _as_json(HOSTILE)
    values = (
        (f"commonLabels={labels}",)
        if place == "commonLabels"
        else (
            f'operator={{"podLabels":{labels}}}',
            f'minio={{"enabled":true,"podLabels":{labels}}}',
        )
    )
    objects = chart.render("ns", *DEMO, *values)
    for workload in chart.of_kind(objects, "Deployment"):
        found = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= found.items()
        service = _one(objects, "Service", workload["metadata"]["name"])
        assert service["spec"]["selector"].items() <= found.items()
        assert workload["metadata"]["labels"][f"{OWN}/managed-by"] == "Helm"


def test_pods_take_further_labels_and_annotations() -> None:
    more = '{"podLabels":{"mesh":"on"},"podAnnotations":{"note":"here"}'
    objects = chart.render("ns", f"operator={more}}}", f'minio={more},"enabled":true}}')
    for workload in chart.of_kind(objects, "Deployment"):
        meta = workload["spec"]["template"]["metadata"]
        assert (meta["labels"]["mesh"], meta["annotations"]["note"]) == ("on", "here")
    assert (
        "checksum/config"
        in _one(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    )


def test_the_operators_pod_goes_where_the_values_say() -> None:
    spread = '[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}]'
    affinity = '{"nodeAffinity":{}}'
    values = f'operator={{"topologySpreadConstraints":{spread},"affinity":{affinity}}}'
    pod = _one(chart.render("ns", *DEMO, values), "Deployment")["spec"]["template"]["spec"]
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "zone"
    assert pod["affinity"] == {"nodeAffinity": {}}


SPREAD = '{"maxSkew":1,"topologyKey":"rack","whenUnsatisfiable":"DoNotSchedule"}'
SPREADS = [
    ('{"replicas":1}', []),
    ('{"replicas":2}', ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]),
    (f'{{"replicas":2,"topologySpreadConstraints":[{SPREAD}]}}', ["rack"]),
]


@pytest.mark.parametrize(("operator", "keys"), SPREADS, ids=["one pod", "two", "as it is said"])
def test_two_operators_rather_stand_on_two_nodes(operator: str, keys: list[str]) -> None:
    spec = _one(chart.render("ns", *DEMO, f"operator={operator}"), "Deployment")["spec"]
    found = spec["template"]["spec"].get("topologySpreadConstraints", [])
    assert [constraint["topologyKey"] for constraint in found] == keys
    for constraint in found if "rack" not in keys else []:
        assert constraint["whenUnsatisfiable"] == "ScheduleAnyway", "one node is enough"
        assert constraint["labelSelector"] == spec["selector"]


@pytest.mark.parametrize("replicas", [0, 1, 2])
def test_an_update_starts_a_pod_before_it_ends_one(replicas: int) -> None:
    spec = _one(chart.render("ns", *DEMO, f"operator.replicas={replicas}"), "Deployment")["spec"]
    assert spec["replicas"] == replicas
    assert spec["strategy"] == {
        "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }  # fmt: skip
    (container,) = spec["template"]["spec"]["containers"]
    paths = {v["name"]: v["valueFrom"]["fieldRef"]["fieldPath"]
             for v in container["env"] if "valueFrom" in v}  # fmt: skip
    assert paths == {POD_VARIABLE: "metadata.name", UID_VARIABLE: "metadata.uid"}


LOST, AWAY = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
TOLERATED = [
    ("nothing said", "[]", 30, {LOST: 30, AWAY: 30}),
    ("another time", "[]", 0, {LOST: 0, AWAY: 0}),
    ("another taint", '[{"key":"gpu","operator":"Exists"}]', 30, {"gpu": None, LOST: 30, AWAY: 30}),
    ("one of them", f'[{{"key":"{LOST}","operator":"Exists","tolerationSeconds":5}}]', 30,
     {LOST: 5, AWAY: 30}),
    ("one of them, of another effect",
     f'[{{"key":"{LOST}","operator":"Exists","effect":"NoSchedule"}}]', 30,
     {LOST: 30, AWAY: 30}),
    ("everything", '[{"operator":"Exists"}]', 30, {None: None}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said", "seconds", "stays"), TOLERATED, ids=[t[0] for t in TOLERATED]
)
def test_how_long_an_operator_stays_on_a_lost_node(
    name: str, said: str, seconds: int, stays: Raw
) -> None:
    values = f'operator={{"tolerations":{said},"tolerationSeconds":{seconds}}}'
    pod = _one(chart.render("ns", *DEMO, values), "Deployment")["spec"]["template"]["spec"]
    assert {t.get("key"): t.get("tolerationSeconds") for t in pod["tolerations"]} == stays


BUDGETS = [
    ('{"enabled":true}', {"maxUnavailable": 1}),
    ('{"enabled":true,"minAvailable":1}', {"minAvailable": 1}),
    ('{"enabled":true,"minAvailable":0}', {"minAvailable": 0}),
    ('{"enabled":true,"maxUnavailable":"50%"}', {"maxUnavailable": "50%"}),
]


@pytest.mark.parametrize(("replicas", "made"), [(1, 0), (2, 1)])
def test_two_replicas_have_a_budget(replicas: int, made: int) -> None:
    objects = chart.render("ns", *DEMO, f"operator.replicas={replicas}")
    found = chart.of_kind(objects, "PodDisruptionBudget")
    assert [budget["spec"]["maxUnavailable"] for budget in found] == [1] * made


@pytest.mark.parametrize(("budget", "says"), BUDGETS)
def test_a_budget_for_drained_nodes(budget: str, says: Raw) -> None:
    objects = chart.render("ns", *DEMO, f'operator={{"podDisruptionBudget":{budget}}}')
    spec = _one(objects, "PodDisruptionBudget")["spec"]
    pod = _one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert spec.pop("selector")["matchLabels"].items() <= pod.items()
    assert spec == says


def test_a_monitor_is_found_by_its_labels() -> None:
    values = 'serviceMonitor={"enabled":true,"labels":{"release":"prometheus"}}'
    monitor = _one(chart.render("ns", *DEMO, values), "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["metadata"]["labels"][f"{OWN}/name"] == "clm"


def test_a_test_that_passed_leaves_its_log_and_no_pod() -> None:
    (pod,) = chart.of_kind(chart.render("ns", *DEMO), "Pod")
    annotations = pod["metadata"]["annotations"]
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert annotations["helm.sh/hook-output-log-policy"] == "hook-succeeded,hook-failed"


def _policies(*values: str) -> dict[tuple[str, str], Raw]:
    objects = chart.render("ns", *values)
    return {
        (o["metadata"]["name"], o["metadata"].get("namespace", "ns")): o["spec"]
        for o in chart.of_kind(objects, "NetworkPolicy")
    }


def test_without_a_wish_nobody_is_cut_off() -> None:
    assert not _policies(*DEMO)


def test_operator_trainers_and_store_are_denied_what_they_do_not_need() -> None:
    found = _policies(*EVERYTHING)
    assert set(found) == {
        ("clm-operator", "ns"), ("clm-trainer", "one"), ("clm-trainer", "two"), ("clm-minio", "ns"),
    }  # fmt: skip
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in found.values())
    trainer, minio = found["clm-trainer", "one"], found["clm-minio", "ns"]
    assert "ingress" not in trainer, "nobody talks to a training pod"
    assert "egress" not in minio, "the store talks to nobody"
    assert _ports(trainer) == {53, 9000, 443}
    assert _ports(found["clm-operator", "ns"]) == {53, 9000, 443, 6443}
    metadata = [peer["ipBlock"]["except"] for rule in trainer["egress"]
                for peer in rule.get("to", ()) if "ipBlock" in peer]  # fmt: skip
    assert ["169.254.0.0/16"] in metadata, "keys of the node are out of a trainer's reach"
    (rule,) = minio["ingress"]
    namespaces = rule["from"][1]["namespaceSelector"]["matchExpressions"][0]["values"]
    assert (namespaces, rule["ports"]) == (["one", "two"], [{"port": "s3", "protocol": "TCP"}])


def _ports(spec: Raw) -> set[int]:
    return {port["port"] for rule in spec["egress"] for port in rule["ports"]}


STORES = [
    ("https://s3.corp", 443), ("https://s3.corp:9443", 9443), ("http://minio", 80),
    ("http://10.0.0.1:9000", 9000),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "port"), STORES)
def test_the_store_of_the_values_is_reached(endpoint: str, port: int) -> None:
    store = f'objectStore={{"secretName":"s3","endpoint":"{endpoint}"}}'
    found = _policies(store, 'networkPolicy={"enabled":true}')
    assert all(port in _ports(spec) for spec in found.values())


def test_further_peers_are_let_through() -> None:
    proxy = '{"ports":[{"port":3128}]}'
    reader = '{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}'
    values = f'networkPolicy={{"enabled":true,"extraEgress":[{proxy}],"metricsFrom":[{reader}]}}'
    found = _policies(*DEMO, values)
    assert all(3128 in _ports(found[name, "ns"]) for name in ("clm-operator", "clm-trainer"))
    (rule,) = found["clm-operator", "ns"]["ingress"]
    assert "monitoring" in str(rule["from"])


def test_the_readme_is_what_the_values_say() -> None:
    folder = ROOT / "charts" / "clm"
    assert (folder / "README.md").read_text() == readme(folder)


VALUES = """\
# A group.
group:
  # A map in one line,
  # said in two.
  image: {repository: r, tag: ""}

  # A list | of names.
  names:
    - one
"""


def test_a_row_for_every_value_with_its_default_and_comment() -> None:
    assert [str(row) for row in rows(VALUES)] == [
        "| `group` |  | A group. |",
        '| `group.image` | `{"repository": "r", "tag": ""}` | A map in one line, said in two. |',
        '| `group.names` | `["one"]` | A list \\| of names. |',
    ]


@pytest.mark.parametrize("text", ["a: 1\n", "# A.\n\na: 1\n", "# A.\na:\n  b: 1\n"])
def test_a_value_without_a_comment_is_an_error(text: str) -> None:
    with pytest.raises(UnexplainedError, match="no comment"):
        list(rows(text))
