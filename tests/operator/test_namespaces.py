"""Namespaces come and go: a real Helm release, its operator under its own account."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
VALUES = ("crds.enabled=false", "minio.enabled=true", 'objectStore={"credentials":"PerRun"}')


@dataclass
class Release:
    """A release ``clm`` in a namespace of its own, and operators that run as its pod would."""

    plane: ControlPlane
    home: str
    folder: Path
    operators: list[OperatorProcess] = field(default_factory=list)

    def helm(self, verb: str, *values: str) -> str:
        """Install or upgrade it."""
        words = [word for value in (*VALUES, *values) for word in ("--set-json", value)]
        folder = str(ROOT / "charts" / "clm")
        return chart.helm(self.plane.kubeconfig, verb, "clm", folder, "-n", self.home, *words)

    def start(self) -> OperatorProcess:
        """Start an operator with the release's configuration and a store that is a folder."""
        words = ("-n", self.home, "get", "configmap", "clm-operator", "-o", "json")
        text = json.loads(self.plane.kubectl(*words))["data"]["config.yaml"]
        config = yaml.safe_load(text)
        store = {"url": f"file://{self.folder}/store", "secretName": "store"}
        config |= {"store": store, "progressPollSeconds": 0.5}
        account = self.plane.account_kubeconfig(self.home, "clm-operator")
        operator = OperatorProcess.start(self.folder, config, account, {})
        self.operators.append(operator)
        return operator

    def namespace(self, name: str, **labels: str) -> None:
        """Make a namespace."""
        meta = {"name": name, "labels": labels}
        self.plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    def delete(self, name: str) -> None:
        """Delete a namespace; as the pod collector does, pods that no node has are let end."""
        self.plane.kubectl("delete", "namespace", name, "--wait=false")

        def gone() -> bool:
            for pod in self.plane.list(name, "pods"):
                path = f"/api/v1/namespaces/{name}/pods/{pod['metadata']['name']}/status"
                failed = {"status": {"phase": "Failed"}}
                self.plane.request("PATCH", path, failed, "application/merge-patch+json")
            return self.plane.request("GET", f"/api/v1/namespaces/{name}") is None

        eventually(gone, f"namespace {name} is gone")

    def serves(self, namespace: str, name: str) -> None:
        """Wait until a new schedule is taken up there, and its run has a Job."""
        self.plane.apply(schedule(name, namespace))
        eventually(lambda: self.state(namespace, name), f"{namespace}/{name} is taken up", 90)
        eventually(lambda: self.plane.list(namespace, "jobs"), f"{namespace} has a Job", 90)

    def state(self, namespace: str, name: str) -> Raw | None:
        """What the operator has written about a schedule, if anything."""
        found = self.plane.get(namespace, "tsched", name)
        assert found is not None
        status: Raw = found.get("status", {})
        return None if status.get("observedGeneration", -1) < 0 else status

    def close(self) -> None:
        """End its operators and remove it."""
        for operator in self.operators:
            operator.kill()
        chart.helm(self.plane.kubeconfig, "uninstall", "clm", "-n", self.home)


@pytest.fixture
def release(
    defined: ControlPlane, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Release]:
    release = Release(defined, f"home-{abs(hash(request.node.name)) % 10000}", tmp_path)
    release.namespace(release.home)
    yield release
    release.close()


def _unserved(operator: OperatorProcess, namespace: str) -> bool | None:
    text = operator.get("/metrics")[1]
    value = f'clm_namespace_unserved{{namespace="{namespace}"}} '
    line = next((one for one in text.splitlines() if one.startswith(value)), None)
    return None if line is None else line.endswith(" 1.0")


def test_a_namespace_that_is_deleted_costs_its_neighbours_nothing(release: Release) -> None:
    named = 'watchNamespaces=["left","right"]'
    release.namespace("left")
    release.namespace("right")
    release.helm("install", named)
    operator = release.start()
    release.serves("left", "before")
    release.serves("right", "before")
    assert (_unserved(operator, "left"), _unserved(operator, "right")) == (False, False)

    release.delete("right")
    eventually(lambda: _unserved(operator, "right"), "it is said to be unserved", 60)
    assert _unserved(operator, "left") is False
    assert (operator.get("/readyz")[0], operator.get("/healthz")) == (200, (200, "ok"))
    release.serves("left", "meanwhile")
    said = release.helm("upgrade", named)
    assert "there is no namespace right" in said
    assert release.start().get("/readyz")[0] == 200, "a restart does not wait for it"
    release.operators.pop().kill()

    release.namespace("right")
    assert "there is no namespace" not in release.helm("upgrade", named)
    release.serves("right", "again")
    eventually(lambda: _unserved(operator, "right") is False, "it is served again", 60)
    assert not operator.ended
    warned = [
        line for line in operator.log.read_text().splitlines() if "right is not served" in line
    ]
    assert len(warned) == 1, "a namespace that is gone is one line of the log"
    assert "APIForbiddenError" not in operator.log.read_text()


def test_a_first_install_says_which_namespaces_are_missing(release: Release) -> None:
    assert "there is no namespace nowhere" in release.helm("install", 'watchNamespaces=["nowhere"]')


def test_namespaces_with_a_label_come_and_go_without_an_upgrade(release: Release) -> None:
    account = 'trainer={"serviceAccount":{"annotations":{"cloud/role":"trainer"}}}'
    release.helm("install", 'watchNamespaceSelector={"matchLabels":{"serve":"yes"}}', account)
    release.namespace("chosen", serve="yes")
    release.namespace("ignored")
    operator = release.start()
    release.serves("chosen", "first")
    made = json.loads(
        release.plane.kubectl("-n", "chosen", "get", "sa", "clm-trainer", "-o", "json")
    )
    assert made["metadata"]["annotations"]["cloud/role"] == "trainer"
    assert made["automountServiceAccountToken"] is False

    release.plane.apply(schedule("waits", "ignored"))
    release.serves("chosen", "second")
    assert release.state("ignored", "waits") is None
    release.namespace("ignored", serve="yes")
    eventually(lambda: release.state("ignored", "waits"), "a label brings it in", 60)

    release.namespace("ignored", serve="no")
    eventually(lambda: "ignored is not served" in operator.log.read_text(), "it is let go", 60)
    release.plane.apply(schedule("late", "ignored"))
    release.serves("chosen", "third")
    assert release.state("ignored", "late") is None


def test_a_star_serves_every_namespace(release: Release) -> None:
    release.helm("install", 'watchNamespaces=["*"]')
    operator = release.start()
    release.namespace("whichever")
    release.serves("whichever", "anything")
    release.delete("whichever")
    release.namespace("another")
    release.serves("another", "anything")
    assert operator.get("/healthz") == (200, "ok")
    words = (
        "-n",
        "another",
        "auth",
        "can-i",
        f"--as=system:serviceaccount:{release.home}:clm-operator",
    )
    assert "no" in release.plane.kubectl(*words, "create", "serviceaccounts/another", check=False)
