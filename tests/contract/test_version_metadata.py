"""Who may change a version's owners, finalizers and CLM's labels: a real API server decides."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import pytest

from tests.contract.test_definitions import version_of
from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAMESPACE, SCHEDULE = "metadata", "owned"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:clm-operator"
ALICE = "alice-who-may-patch-versions"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def guarded(defined: ControlPlane) -> Iterator[ControlPlane]:
    """The chart's policy, a schedule, and one who may write versions."""
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api, meta = "rbac.authorization.k8s.io", {"name": "writer", "namespace": NAMESPACE}
    rules = [{"apiGroups": ["clm.dev"], "resources": ["*"], "verbs": ["*"]}]
    people = [{"kind": "User", "name": name, "apiGroup": api} for name in (ALICE, OPERATOR)]
    role = {"apiGroup": api, "kind": "Role", "name": "writer"}
    defined.apply(
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role,
         "subjects": people},
        schedule(SCHEDULE, NAMESPACE),
    )  # fmt: skip
    release = chart.render(NAMESPACE, "minio.enabled=true")
    policy = [one for one in release if one["metadata"]["name"].startswith("metadata.")]
    assert len(policy) == 2, "the policy and its binding"
    defined.apply(*policy)
    probe = _version(defined)
    strip = partial(_patch, defined, ALICE, probe, {"ownerReferences": None}, "--dry-run=server")
    eventually(lambda: "metadata.ownerReferences" in strip(), "the policy acts", 30)
    yield defined
    for one in policy:
        defined.kubectl("delete", one["kind"], one["metadata"]["name"])


def _version(plane: ControlPlane) -> str:
    """Make a version as the operator does; return its name."""
    manifest = version_of(plane, SCHEDULE, NAMESPACE, f"{SCHEDULE}-{next(_NUMBERS)}")
    plane.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    return str(manifest["metadata"]["name"])


def _owner(name: str, uid: str) -> Raw:
    return {"apiVersion": "clm.dev/v1alpha1", "kind": "TrainingSchedule", "name": name,
            "uid": uid, "controller": True, "blockOwnerDeletion": False}  # fmt: skip


def _patch(plane: ControlPlane, user: str, name: str, metadata: Raw, *more: str) -> str:
    patch = json.dumps({"metadata": metadata})
    return plane.kubectl(
        "-n", NAMESPACE, "patch", f"--as={user}", "mv", name, "--type=merge", *more, "-p", patch,
        check=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    metadata: Raw
    says: str


CASES = [
    Case("its owners are removed", {"ownerReferences": None}, "metadata.ownerReferences"),
    Case("its owners are an empty list", {"ownerReferences": []}, "metadata.ownerReferences"),
    Case("it is given to another schedule", {"ownerReferences": [_owner("other", "u-1")]},
         "metadata.ownerReferences"),
    Case("a finalizer holds it", {"finalizers": ["example.com/hold"]}, "metadata.finalizers"),
    Case("the collector's finalizer is forged", {"finalizers": ["foregroundDeletion"]},
         "metadata.finalizers"),
    Case("its schedule's label names another", {"labels": {"clm.dev/schedule": "other"}},
         "metadata.labels"),
    Case("its schedule's label is empty", {"labels": {"clm.dev/schedule": ""}}, "metadata.labels"),
    Case("its schedule's label is removed", {"labels": {"clm.dev/schedule": None}},
         "metadata.labels"),
    Case("all labels are removed", {"labels": None}, "metadata.labels"),
    Case("a label of CLM's is added", {"labels": {"clm.dev/replay": "1"}}, "metadata.labels"),
    Case("a label of one's own", {"labels": {"team": "quant"}}, "patched"),
    Case("an annotation", {"annotations": {"note": "the good one"}}, "patched"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_who_may_patch_versions_leaves_alone_what_says_whose_they_are(
    guarded: ControlPlane, case: Case
) -> None:
    name = _version(guarded)
    assert case.says in _patch(guarded, ALICE, name, case.metadata)


@pytest.mark.parametrize("user", [OPERATOR, "admin"], ids=["the operator", "an administrator"])
def test_only_the_operator_says_whose_a_version_is(guarded: ControlPlane, user: str) -> None:
    said = _patch(guarded, user, _version(guarded), {"labels": {"clm.dev/schedule": "other"}})
    assert ("patched" in said) == (user == OPERATOR)


@pytest.mark.parametrize("way", ["background", "foreground", "orphan"])
def test_the_garbage_collector_does_its_work(guarded: ControlPlane, way: str) -> None:
    name = _version(guarded)
    guarded.kubectl("-n", NAMESPACE, "delete", "mv", name, f"--cascade={way}", "--wait=false")
    eventually(partial(_gone, guarded, name), f"{name} is gone")


def test_versions_go_with_their_schedule(guarded: ControlPlane) -> None:
    guarded.apply(schedule("short", NAMESPACE))
    manifest = version_of(guarded, "short", NAMESPACE, "short-1")
    guarded.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    guarded.kubectl("-n", NAMESPACE, "delete", "tsched", "short")
    eventually(partial(_gone, guarded, "short-1"), "its version is collected")


def test_a_namespace_goes_with_its_versions(guarded: ControlPlane) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}}
    guarded.apply(namespace, schedule("short", "leaving"))
    manifest = version_of(guarded, "short", "leaving", "short-1")
    guarded.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    guarded.kubectl("delete", "namespace", "leaving", "--timeout=60s")


def _gone(plane: ControlPlane, name: str) -> bool:
    return plane.get(NAMESPACE, "mv", name) is None
