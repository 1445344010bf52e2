"""Hostile requests about ModelVersions and what lies beside them, of those who may edit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import pytest

from tests.contract.test_definitions import version_of
from tests.hostile.tenants import ADMIN, CLM, EDITOR, KEY_SECRET, NAMESPACE, OPERATOR, Raw, Tenants
from tests.support.schedules import schedule

VERSION, SCHEDULE, KEYED = "owned-1", "owned", "keyed"
ME = f"system:serviceaccount:{NAMESPACE}:{EDITOR}"
MERGE, PATCH, APPLY = (f"application/{kind}" for kind in (
    "merge-patch+json", "json-patch+json", "apply-patch+yaml"))  # fmt: skip
PRODUCTION: Raw = {
    "phase": "Succeeded", "stage": "PRODUCTION",
    "artifact": {"uri": "s3://clm/m", "sha256": "0" * 64, "sizeBytes": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tenants: Tenants) -> Iterator[Tenants]:
    """A version in production, and a schedule whose key the tenant may not read."""
    keyed = schedule(KEYED, NAMESPACE, data={"secretRef": {"name": KEY_SECRET}})
    tenants.plane.apply(schedule(SCHEDULE, NAMESPACE), keyed)
    made = version_of(tenants.plane, SCHEDULE, NAMESPACE, VERSION)
    assert tenants.ask("POST", "modelversions", made, account=OPERATOR).code == 201
    path, status = f"modelversions/{VERSION}/status", {"status": PRODUCTION}
    said = tenants.ask("PATCH", path, status, account=OPERATOR, Content_Type=MERGE)
    assert said.code == 200, said.words
    yield tenants
    tenants.plane.kubectl("-n", NAMESPACE, "delete", "tsched", SCHEDULE, KEYED)


@dataclass(frozen=True)
class Case:
    name: str
    says: str
    body: Any
    path: str = f"modelversions/{VERSION}"
    method: str = "PATCH"
    kind: str = MERGE
    account: str = EDITOR


def spec(**fields: Any) -> Raw:
    return {"spec": fields}


def meta(**fields: Any) -> Raw:
    return {"metadata": fields}


def wish(**fields: Any) -> Raw:
    return spec(request={"stage": "PRODUCTION", "by": ME, "reason": "better"} | fields)


def applied(**metadata: Any) -> Raw:
    named = {"name": VERSION, "namespace": NAMESPACE} | metadata
    return {"apiVersion": "clm.dev/v1alpha1", "kind": "ModelVersion", "metadata": named}


OTHER = {"apiVersion": "clm.dev/v1alpha1", "kind": "TrainingSchedule", "name": "o", "uid": "u"}
OWNERS = "/metadata/ownerReferences"
JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}}
STOLEN = f"trainingschedules/{KEYED}"
REFUSED = [
    Case("its owner is taken away by a JSON patch", "metadata.ownerReferences",
         [{"op": "remove", "path": OWNERS}], kind=PATCH),
    Case("its owner becomes another's uid", "metadata.ownerReferences",
         [{"op": "replace", "path": f"{OWNERS}/0/uid", "value": "other"}], kind=PATCH),
    Case("its owner controls it no more", "metadata.ownerReferences",
         [{"op": "replace", "path": f"{OWNERS}/0/controller", "value": False}], kind=PATCH),
    Case("a second owner is applied", "metadata.ownerReferences", applied(ownerReferences=[OTHER]),
         path=f"modelversions/{VERSION}?fieldManager=mallory&force=true", kind=APPLY),
    Case("a finalizer is applied", "metadata.finalizers", applied(finalizers=["example.com/hold"]),
         path=f"modelversions/{VERSION}?fieldManager=mallory&force=true", kind=APPLY),
    Case("its labels are all taken away", "metadata.labels", meta(labels=None)),
    Case("it is labelled as another schedule's", "metadata.labels",
         meta(labels={"clm.dev/schedule": "other"})),
    Case("a label of CLM's that it never had", "metadata.labels",
         meta(labels={"clm.dev/version": "other"})),
    Case("forty labels", "metadata.labels has more than 32",
         meta(labels={f"l{n}": "x" for n in range(40)})),
    Case("100 KB of annotations on a version", "metadata.annotations has more than 65536",
         meta(annotations={"a": "x" * 100_000})),
    Case("another object's uid", "metadata.uid", meta(uid="other")),
    Case("a deletion that is only written down", "metadata.deletionTimestamp",
         meta(deletionTimestamp="2001-01-01T00:00:00Z")),
    Case("it runs with a higher priority", "never changes",
         spec(run={"pod": {"priorityClassName": "system-node-critical"}})),
    Case("it runs another image", "never changes", spec(run={"pod": {"image": "evil:1"}})),
    Case("it names a Secret later", "never changes",
         spec(run={"data": {"secretRef": {"name": KEY_SECRET}}})),
    Case("it is of another schedule", "never changes", spec(scheduleRef={"name": "o", "uid": "u"})),
    Case("it is of another slot", "never changes", spec(slot="2030-01-01T00:00:00Z")),
    Case("a stage asked for in another's name", "must be your own name", wish(by="admin")),
    Case("a stage asked for in the operator's name", "must be your own name",
         wish(by=f"system:serviceaccount:{NAMESPACE}:{OPERATOR}")),
    Case("a stage that there is not", "Unsupported value", wish(stage="ROOT")),
    Case("a reason of 100 KB", "spec.request.reason: Too long", wish(reason="x" * 100_000)),
    Case("a reason that is a list", "spec.request.reason", wish(reason=["x"])),
    Case("a status of one's own for a version", "cannot patch resource",
         {"status": {"stage": "CANDIDATE"}}, path=f"modelversions/{VERSION}/status"),
    Case("a status written by who administers", "cannot patch resource",
         {"status": {"stage": "CANDIDATE"}}, path=f"modelversions/{VERSION}/status",
         account=ADMIN),
    Case("a status of one's own for a schedule", "cannot patch resource",
         {"status": {"candidate": "x"}}, path=f"trainingschedules/{SCHEDULE}/status"),
    Case("production deleted by who edits", "cannot delete resource", None, method="DELETE"),
    Case("production deleted by who administers", "is in production", None, method="DELETE",
         account=ADMIN),
    Case("all versions deleted at once", "is in production", None, path="modelversions",
         method="DELETE", account=ADMIN),
    Case("a version made by hand", "cannot create resource", applied(name="forged"),
         path="modelversions", method="POST"),
    Case("more memory beside a borrowed key", "may not get Secret",
         spec(job={"resources": {"limits": {"memory": "9Gi"}}}), path=STOLEN),
    Case("another node beside a borrowed key", "may not get Secret",
         spec(job={"nodeSelector": {"kubernetes.io/arch": "mine"}}), path=STOLEN),
    Case("another exchange beside a borrowed key", "may not get Secret",
         spec(data={"exchange": "mexc"}), path=STOLEN),
    Case("another Secret in its place", "may not get Secret",
         spec(data={"secretRef": {"name": "clm-store"}}), path=STOLEN),
    Case("a schedule in another namespace", "cannot create resource", schedule("x", "kube-system"),
         path=f"{CLM}/namespaces/kube-system/trainingschedules", method="POST"),
    Case("a Job without a schedule", "cannot create resource", JOB, method="POST",
         path=f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"),
    Case("the store's keys read", "cannot get resource", None, method="GET",
         path=f"/api/v1/namespaces/{NAMESPACE}/secrets/clm-store"),
    Case("a policy taken away", "cannot delete resource", None, method="DELETE",
         path="/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/"
         f"statuses.clm.{NAMESPACE}.clm.dev"),
    Case("the kind itself redefined", "cannot patch resource", spec(scope="Cluster"),
         path="/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelversions.clm.dev"),
]  # fmt: skip


def _sent(tenants: Tenants, case: Case) -> str | Raw:
    path = case.path
    if case.method != "GET":
        path += ("&" if "?" in path else "?") + "dryRun=All"
    said = tenants.ask(case.method, path, case.body, account=case.account, Content_Type=case.kind)
    return said.words or said.body


@pytest.mark.parametrize("case", REFUSED, ids=attrgetter("name"))
def test_it_is_refused(served: Tenants, case: Case) -> None:
    asked = replace(case, kind="application/json") if case.method == "POST" else case
    said = _sent(served, asked)
    assert isinstance(said, str), "it was done"
    assert case.says in said


def test_nobody_acts_in_the_operators_name(served: Tenants) -> None:
    name = f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"
    path = f"modelversions/{VERSION}?dryRun=All"
    said = served.ask("PATCH", path, meta(labels=None), Impersonate_User=name, Content_Type=MERGE)
    assert "cannot impersonate" in said.words


HARMLESS = [
    Case("a status among the fields of a patch", "status", {"status": {"stage": "CANDIDATE"}}),
    Case("a time of creation of one's own", "creationTimestamp",
         meta(creationTimestamp="2001-01-01T00:00:00Z")),
    Case("fields that there are not", "privileged", spec(request=None, privileged=True)),
]  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS, ids=attrgetter("name"))
def test_it_changes_nothing(served: Tenants, case: Case) -> None:
    said = _sent(served, case)
    assert isinstance(said, dict), said
    before = served.ask("GET", f"modelversions/{VERSION}").body
    for found in (said, before):
        for name in ("managedFields", "generation", "resourceVersion"):
            found["metadata"].pop(name, None)
    assert json.dumps(said, sort_keys=True) == json.dumps(before, sort_keys=True)


def test_what_a_reason_hides_is_kept_as_text_of_the_asker(served: Tenants) -> None:
    reason = "\x1b[2J\u202eok"
    said = _sent(served, Case("", "", wish(reason=reason)))
    assert isinstance(said, dict), said
    assert said["spec"]["request"] == {"stage": "PRODUCTION", "by": ME, "reason": reason}


def test_a_borrowed_key_may_be_given_back(served: Tenants) -> None:
    said = _sent(served, Case("", "", spec(data={"secretRef": None}), path=STOLEN))
    assert isinstance(said, dict), said
