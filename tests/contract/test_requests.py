"""Who may ask for a stage, under whose name, and who decides: real tokens on a real API server."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_definitions import version_of
from tests.operator.rig import VALUES
from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAMESPACE = "guarded"
VERSIONS = f"/apis/clm.dev/v1alpha1/namespaces/{NAMESPACE}/modelversions"
OPERATOR, ALICE, BOB, READER = "clm-operator", "alice", "bob", "reader"
WRITES = ["get", "list", "create", "patch", "update"]
_NUMBERS = itertools.count(1)


def person(name: str) -> str:
    return f"system:serviceaccount:{NAMESPACE}:{name}"


@dataclass
class Guarded:
    """A namespace under the chart's policies, with accounts of people."""

    plane: ControlPlane
    kubeconfigs: dict[str, Path]

    def kubectl(self, account: str, *words: str, stdin: str | None = None) -> str:
        """Run kubectl as an account; return what it says, errors included."""
        config = ("--kubeconfig", str(self.kubeconfigs[account]), "-n", NAMESPACE)
        return self.plane.kubectl(*config, *words, stdin=stdin, check=False)

    def ask(self, account: str, name: str, request: Raw | None) -> str:
        """Write a request as an account; None removes it."""
        patch = json.dumps({"spec": {"request": request}})
        return self.kubectl(account, "patch", "mv", name, "--type=merge", "-p", patch)

    def version(self) -> str:
        """Make a fresh version as the operator; return its name."""
        manifest = version_of(self.plane, "guarded", NAMESPACE, f"guarded-{next(_NUMBERS)}")
        said = self.kubectl(OPERATOR, "create", "-f", "-", stdin=json.dumps(manifest))
        assert "created" in said, said
        return str(manifest["metadata"]["name"])


def _account(name: str, verbs: list[str]) -> list[Raw]:
    group, meta = "rbac.authorization.k8s.io", {"name": name, "namespace": NAMESPACE}
    kinds = ["modelversions", "modelversions/status", "trainingschedules/status"]
    rules = [{"apiGroups": ["clm.dev"], "resources": kinds, "verbs": verbs}]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        },
    ]  # fmt: skip


@pytest.fixture(scope="module")
def guarded(defined: ControlPlane) -> Iterator[Guarded]:
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    release = chart.render(NAMESPACE, *VALUES)
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    policies = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    mine = [o for o in chart.of_kind(release, *policies) if "clm.dev" in str(o["spec"])]
    people = [*_account(ALICE, WRITES), *_account(BOB, WRITES), *_account(READER, ["get", "list"])]
    objects = [*chart.of_kind(release, *kinds), *people]
    for item in objects:
        item["metadata"].setdefault("namespace", NAMESPACE)
    defined.apply(*objects, *mine, schedule("guarded", NAMESPACE))
    accounts = (OPERATOR, ALICE, BOB, READER)
    configs = {a: defined.account_kubeconfig(NAMESPACE, a, defined.server) for a in accounts}
    made = Guarded(defined, configs)
    eventually(partial(_enforced, made), "the policies are enforced")
    yield made
    for item in mine:
        defined.kubectl("delete", item["kind"], item["metadata"]["name"])


def _enforced(guarded: Guarded) -> bool:
    words = ("patch", "tsched", "guarded", "--subresource=status", "--type=merge")
    said = guarded.kubectl(ALICE, *words, "--dry-run=server", "-p", '{"status":{"candidate":"x"}}')
    manifest = version_of(guarded.plane, "guarded", NAMESPACE, "probe")
    text = json.dumps(manifest)
    made = guarded.kubectl(ALICE, "create", "--dry-run=server", "-f", "-", stdin=text)
    return "only the operator" in said and "only the operator" in made


def wish(by: str, **more: Any) -> Raw:
    return {"stage": "PRODUCTION", "by": person(by), "reason": "it is better"} | more


@dataclass(frozen=True)
class Case:
    name: str
    account: str
    says: str
    request: Raw | None = field(default_factory=lambda: wish(ALICE))
    before: Raw | None = None
    """What alice asked before."""


CASES = [
    Case("under one's own name", ALICE, "patched"),
    Case("under another's name", BOB, f"must be your own name, {person(BOB)}"),
    Case("under the operator's name", ALICE, "must be your own name", wish(OPERATOR)),
    Case("without the right to write", READER, "forbidden: User", wish(READER)),
    Case("without a reason", ALICE, "spec.request.reason", wish(ALICE, reason="")),
    Case("for a stage that nobody can ask for", ALICE, "Unsupported value",
         wish(ALICE, stage="CANDIDATE")),
    Case("changed while it waits", ALICE, "a request is waiting",
         wish(ALICE, reason="now"), wish(ALICE)),
    Case("another's replaced", BOB, "a request is waiting", wish(BOB), wish(ALICE)),
    Case("removed by who asked", ALICE, "only the operator removes a request", None, wish(ALICE)),
    Case("removed by another", BOB, "only the operator removes a request", None, wish(ALICE)),
    Case("removed by the operator", OPERATOR, "patched", None, wish(ALICE)),
    Case("sent again unchanged", BOB, "no change", wish(ALICE), wish(ALICE)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_request(guarded: Guarded, case: Case) -> None:
    name = guarded.version()
    if case.before is not None:
        assert "patched" in guarded.ask(ALICE, name, case.before)
    said = guarded.ask(case.account, name, case.request)
    assert case.says in said


def test_only_the_operator_makes_versions_and_writes_statuses(guarded: Guarded) -> None:
    name = guarded.version()
    manifest = json.dumps(version_of(guarded.plane, "guarded", NAMESPACE, "forged"))
    said = guarded.kubectl(ALICE, "create", "-f", "-", stdin=manifest)
    assert "only the operator creates ModelVersions" in said
    status = json.dumps({"status": {"stage": "CANDIDATE"}})
    words = ("patch", "mv", name, "--subresource=status", "--type=merge", "-p", status)
    assert "only the operator writes a status" in guarded.kubectl(ALICE, *words)


def test_labels_are_nobodys_business_while_a_request_waits(guarded: Guarded) -> None:
    name = guarded.version()
    guarded.ask(ALICE, name, wish(ALICE))
    patch = json.dumps({"metadata": {"labels": {"team": "quant"}}})
    said = guarded.kubectl(BOB, "patch", "mv", name, "--type=merge", "-p", patch)
    assert "patched" in said
