"""The version in production is deleted on purpose or not at all, and holds up nothing."""

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
NAMESPACE = "deletions"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def guarded(defined: ControlPlane) -> Iterator[ControlPlane]:
    """The chart's policy in a namespace with a schedule."""
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    defined.apply(schedule("owner", NAMESPACE))
    release = chart.render(NAMESPACE, "minio.enabled=true")
    policy = [one for one in release if one["metadata"]["name"].startswith("deletions.")]
    assert len(policy) == 2, "the policy and its binding"
    defined.apply(*policy)
    probe = version(defined, "PRODUCTION")
    eventually(lambda: "is in production" in delete(defined, probe, "--dry-run=server"), "it acts")
    yield defined
    for one in policy:
        defined.kubectl("delete", one["kind"], one["metadata"]["name"])


def version(plane: ControlPlane, stage: str, owner: str = "owner") -> str:
    """Make a version that stands somewhere; return its name."""
    manifest = version_of(plane, owner, NAMESPACE, f"{owner}-{next(_NUMBERS)}")
    name = str(manifest["metadata"]["name"])
    plane.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    if stage:
        status = json.dumps({"status": {"phase": "Succeeded", "stage": stage}})
        words = ("--subresource=status", "--type=merge", "-p", status)
        plane.kubectl("-n", NAMESPACE, "patch", "mv", name, *words)
    return name


def delete(plane: ControlPlane, name: str, *more: str) -> str:
    """Delete a version as the administrator; return what is said."""
    return plane.kubectl("-n", NAMESPACE, "delete", "mv", name, "--wait=false", *more, check=False)


@dataclass(frozen=True)
class Case:
    name: str
    stage: str
    annotation: str
    says: str


NO = "is in production: put another version there first"
CASES = [
    Case("in production", "PRODUCTION", "", NO),
    Case("in production, with another annotation", "PRODUCTION", "clm.dev/run-now=true", NO),
    Case("in production, with the annotation taken back", "PRODUCTION",
         "clm.dev/allow-deletion=false", NO),
    Case("in production, on purpose", "PRODUCTION", "clm.dev/allow-deletion=true", "deleted"),
    Case("a candidate", "CANDIDATE", "", "deleted"),
    Case("archived", "ARCHIVED", "", "deleted"),
    Case("without a status", "", "", "deleted"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_deleting_a_version(guarded: ControlPlane, case: Case) -> None:
    name = version(guarded, case.stage)
    if case.annotation:
        guarded.kubectl("-n", NAMESPACE, "annotate", "mv", name, case.annotation)
    assert case.says in delete(guarded, name)
    assert (guarded.get(NAMESPACE, "mv", name) is None) == (case.says == "deleted")


def test_all_at_once_leaves_the_one_in_production(guarded: ControlPlane) -> None:
    kept, gone = version(guarded, "PRODUCTION"), version(guarded, "REJECTED")
    path = f"/apis/clm.dev/v1alpha1/namespaces/{NAMESPACE}/modelversions/"
    guarded.kubectl("delete", "--raw", path.removesuffix("/"), check=False)
    assert guarded.get(NAMESPACE, "mv", kept) is not None
    assert NO in delete(guarded, kept)
    delete(guarded, gone)


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_it_goes_with_its_schedule(guarded: ControlPlane, cascade: str) -> None:
    guarded.apply(schedule(cascade, NAMESPACE))
    name = version(guarded, "PRODUCTION", cascade)
    words = ("delete", "tsched", cascade, f"--cascade={cascade}", "--wait=false")
    guarded.kubectl("-n", NAMESPACE, *words)
    collected = partial(guarded.get, NAMESPACE, "mv", name)
    eventually(lambda: collected() is None, "the garbage collector took it along", 60)
    eventually(lambda: guarded.get(NAMESPACE, "tsched", cascade) is None, "nothing is stuck", 60)


def test_it_goes_with_its_namespace(guarded: ControlPlane) -> None:
    name = version(guarded, "PRODUCTION")
    guarded.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    said = delete(guarded, name)
    assert "deleted" in said or "not found" in said
    left = partial(guarded.kubectl, "get", "namespace", NAMESPACE, check=False)
    eventually(lambda: "not found" in left(), "the namespace is gone", 90)
