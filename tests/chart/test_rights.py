"""Who may do what: the operator's grants one by one, each with its use, and those of people."""

import itertools
from typing import Any

import pytest
import yaml

from tests.support import chart

Raw = dict[str, Any]
S3 = ('objectStore={"secretName": "s3"}',)
GRANTS = {
    "trainingschedules": {
        "get": "a round reads its schedule",
        "list": "the watch begins; siblings of a schedule",
        "watch": "a changed schedule wakes its key",
    },
    "modelversions": {
        "get": "a name that is taken; a tombstone's version",
        "list": "the versions of a schedule",
        "watch": "a request wakes its schedule's key",
        "create": "a slot is due",
        "patch": "a decided request is removed",
        "delete": "retention",
    },
    "trainingschedules/status": {"patch": "what a round found"},
    "modelversions/status": {"patch": "what a round found"},
    "simulations": {
        "get": "a round rests on what another operator may have changed",
        "list": "the watch begins",
        "watch": "a new simulation wakes its key",
    },
    "simulations/status": {"patch": "what a round found"},
    "jobs": {
        "get": "a Job that lost its label",
        "list": "the Jobs of a schedule",
        "watch": "an ended Job wakes its schedule's key",
        "create": "a run begins",
        "delete": "a run is replaced or stalled",
    },
    "pods": {
        "list": "the pods of an active run",
        "watch": "a started or failed pod wakes its schedule's key",
    },
    "events": {"create": "what happened is told", "list": "why a Job has no pod"},
    "workloads": {
        "list": "the watch begins, where Kueue is there",
        "watch": "why a run waits in its queue",
    },
    "localqueues/pendingworkloads": {"get": "its place in the queue"},
}
LEASES = {
    "leases": {
        "create": "the first operator of a release leads",
        "get": "who leads",
        "patch": "a leader goes on, or a standby takes over",
    }
}
LENDING = {"secrets": {"create": "the keys of one run"}}


def _granted(objects: tuple[Raw, ...], *kinds: str) -> set[tuple[str, str]]:
    rules = [rule for role in chart.of_kind(objects, *kinds) for rule in role["rules"]]
    pairs = (itertools.product(rule["resources"], rule["verbs"]) for rule in rules)
    return set(itertools.chain.from_iterable(pairs))


@pytest.mark.parametrize(
    ("values", "more"),
    [(S3, {}), (("minio.enabled=true",), LENDING)],
    ids=["keys of the Secret", "keys per run"],
)
def test_every_right_of_the_operator_has_a_use(
    values: tuple[str, ...], more: dict[str, dict[str, str]]
) -> None:
    uses = GRANTS | LEASES | more
    wanted = {(resource, verb) for resource, verbs in uses.items() for verb in verbs}
    assert _granted(chart.render("ns", *values), "Role") == wanted


@pytest.mark.parametrize(
    "values", [(), ('watchNamespaces=["one","two"]',), ('watchNamespaces=["*"]',)],
    ids=["its own namespace", "others", "all"],
)  # fmt: skip
def test_the_lease_is_one_of_the_releases_namespace(values: tuple[str, ...]) -> None:
    objects = chart.render("2024", *S3, *values)
    name = "clm-operator-leader"
    (role,) = (r for r in chart.of_kind(objects, "Role") if r["metadata"]["name"] == name)
    (binding,) = (r for r in chart.of_kind(objects, "RoleBinding") if r["metadata"]["name"] == name)
    assert "namespace" not in role["metadata"] | binding["metadata"], "the release's own"
    assert binding["subjects"][0] | binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name, "namespace": "2024",
    }  # fmt: skip
    rules = {tuple(rule["verbs"]): rule.get("resourceNames") for rule in role["rules"]}
    assert rules == {("create",): None, ("get", "patch"): ["clm-operator"]}
    (config,) = chart.of_kind(objects, "ConfigMap")
    lease = yaml.safe_load(config["data"]["config.yaml"])["leader"]
    assert lease == {"namespace": "2024", "name": "clm-operator"}


ACCOUNT = {
    "serviceaccounts": {"create": "the account of training pods", "patch": "the same"},
    "clusterqueues": {"get": "why one takes nobody"},
}
WIDE = [
    ('watchNamespaces=["*"]', ACCOUNT),
    ('watchNamespaceSelector={"matchLabels":{"serve":"yes"}}',
     ACCOUNT | {"namespaces": {"list": "their labels", "watch": "their labels"}}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "more"), WIDE, ids=["all namespaces", "namespaces by label"])
def test_where_namespaces_come_and_go_one_cluster_role_has_the_same_rights(
    values: str, more: dict[str, dict[str, str]]
) -> None:
    objects = chart.render("ns", *S3, values)
    roles = chart.of_kind(objects, "Role", "RoleBinding")
    assert {r["metadata"]["name"] for r in roles} == {"clm-operator-leader"}
    (binding,) = chart.of_kind(objects, "ClusterRoleBinding")
    (role,) = (r for r in chart.of_kind(objects, "ClusterRole")
               if r["metadata"]["name"] == binding["roleRef"]["name"])  # fmt: skip
    uses = GRANTS | more
    wanted = {(resource, verb) for resource, verbs in uses.items() for verb in verbs}
    assert _granted((role,), "ClusterRole") == wanted
    (accounts,) = (rule for rule in role["rules"] if "serviceaccounts" in rule["resources"])
    assert accounts["resourceNames"] == ["clm-trainer"]
    (config,) = chart.of_kind(objects, "ConfigMap")
    kept = yaml.safe_load(config["data"]["config.yaml"])["trainer"]["account"]
    owner = {"meta.helm.sh/release-name": "clm", "meta.helm.sh/release-namespace": "ns"}
    assert kept["annotations"] == owner, "Helm makes it its own where namespaces are named later"


REFUSED = [
    (('watchNamespaces=["*","one"]',), "name no others"),
    (('watchNamespaceSelector={"matchLabels":{"a":"b"}}', 'watchNamespaces=["one"]'), "set one of"),
    (('watchNamespaces=["*"]', "minio.enabled=true", 'objectStore={"credentials":"Static"}'),
     "name these, or set PerRun"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "says"), REFUSED, ids=["all and one", "labels and names", "a store's keys in all"]
)
def test_namespaces_that_cannot_be_served_fail_the_install(
    values: tuple[str, ...], says: str
) -> None:
    assert says in chart.template("ns", *S3, *values).stderr


PEOPLE = [
    ("view", {"view", "edit", "admin"}, ("get", "trainingschedules")),
    ("edit", {"edit", "admin"}, ("patch", "modelversions")),
    ("admin", {"admin"}, ("delete", "modelversions")),
]


@pytest.mark.parametrize(("role", "added_to", "may"), PEOPLE, ids=["view", "edit", "admin"])
def test_people_get_their_rights_by_the_roles_that_they_have(
    role: str, added_to: set[str], may: tuple[str, str]
) -> None:
    made = {r["metadata"]["name"]: r for r in chart.of_kind(chart.render("ns", *S3), "ClusterRole")}
    found = made[f"{role}.clm.ns.clm.dev"]
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = found["metadata"]["labels"]
    assert {label.removeprefix(prefix) for label in labels if label.startswith(prefix)} == added_to
    assert (may[1], may[0]) in _granted((found,), "ClusterRole")


def test_only_the_operator_creates_versions_and_writes_statuses() -> None:
    granted = _granted(chart.render("ns", *S3), "ClusterRole")
    assert ("modelversions", "create") not in granted
    assert all(
        verb in ("get", "list", "watch") for what, verb in granted if what.endswith("/status")
    )


WIDE_KINDS = (
    "ClusterRole", "ClusterRoleBinding",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
)  # fmt: skip


def test_no_two_releases_of_a_cluster_share_an_object() -> None:
    releases = [("a-b", "c"), ("a", "b-c"), ("a", "c"), ("b-c", "a"), ("c", "a.b"), ("c", "a-b")]
    names = [
        {(o["kind"], o["metadata"]["name"]) for o in chart.of_kind(found, *WIDE_KINDS)}
        for namespace, name in releases
        for found in [chart.render(namespace, *S3, 'watchNamespaces=["*"]', release=name)]
    ]
    assert {kind for kind, _ in names[0]} == set(WIDE_KINDS)
    assert len(set().union(*names)) == sum(len(one) for one in names)


def test_the_roles_of_people_can_be_left_out() -> None:
    assert not chart.of_kind(chart.render("ns", *S3, "rbac.aggregate=false"), "ClusterRole")
