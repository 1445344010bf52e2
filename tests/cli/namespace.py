"""One namespace of the real API server, and kubeconfigs that name it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clm_api import API_VERSION
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually

Raw = dict[str, Any]
_PLURALS = {
    "TrainingSchedule": "trainingschedules",
    "ModelVersion": "modelversions",
    "Simulation": "simulations",
}
_ACCOUNT = "person"
RUN_AND_LOGS = (
    {"apiGroups": ["clm.dev"], "resources": ["trainingschedules"], "verbs": ["get", "patch"]},
    {"apiGroups": ["clm.dev"], "resources": ["modelversions"], "verbs": ["get", "list"]},
    {"apiGroups": ["clm.dev"], "resources": ["simulations"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
)
"""All that somebody needs who starts a run or a simulation, follows it and reads its log."""


@dataclass(frozen=True)
class Namespace:
    """A namespace of the test's own."""

    plane: ControlPlane
    name: str

    @classmethod
    def make(cls, plane: ControlPlane, name: str) -> "Namespace":
        """Create it."""
        plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return cls(plane, name)

    def path(self, kind: str, name: str = "") -> str:
        """Return the path of a kind, or of one object, at the API server."""
        plural = f"/apis/{API_VERSION}/namespaces/{self.name}/{_PLURALS[kind]}"
        return f"{plural}/{name}" if name else plural

    def put(self, raw: Raw) -> Raw:
        """Create an object unless it is there, write its status, return it as it is now."""
        path = self.path(raw["kind"], raw["metadata"]["name"])
        if self.plane.request("GET", path) is None:
            self.plane.request("POST", self.path(raw["kind"]), raw)
        status = {"status": raw["status"]}
        self.plane.request("PATCH", f"{path}/status", status, "application/merge-patch+json")
        return self.read(raw["kind"], raw["metadata"]["name"])

    def read(self, kind: str, name: str) -> Raw:
        """Return an object as it is now."""
        found = self.plane.request("GET", self.path(kind, name))
        assert found is not None, f"there is no {kind} {name}"
        return found

    def written(self, kind: str, name: str) -> Raw:
        """Read an object as the commands print it: without its managed fields."""
        found = self.read(kind, name)
        del found["metadata"]["managedFields"]
        return found

    def put_pod(self, name: str, run: str, node: str, **status: Any) -> None:
        """Create a run's pod on a node unless it is there, and write its status."""
        path = f"/api/v1/namespaces/{self.name}/pods"
        if self.plane.request("GET", f"{path}/{name}") is None:
            account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
            eventually(lambda: self.plane.request("GET", account), "pods may be made")
            labels = {"clm.dev/version": run, "batch.kubernetes.io/job-name": run}
            container = {"name": "trainer", "image": "trainer:1"}
            spec = {"nodeName": node, "restartPolicy": "Never", "containers": [container]}
            raw = {"metadata": {"name": name, "labels": labels}, "spec": spec}
            self.plane.request("POST", path, raw)
        self.plane.request(
            "PATCH", f"{path}/{name}/status", {"status": status}, "application/merge-patch+json"
        )

    def kubeconfig(self, path: Path) -> Path:
        """Write an administrator's kubeconfig that names this namespace."""
        return self._written(self.plane.kubeconfig, path)

    def account_kubeconfig(
        self, path: Path, server: str, rules: Sequence[Raw] = RUN_AND_LOGS
    ) -> Path:
        """Write one of an account that has these rights only, at another address."""
        self.plane.apply(*self._account(rules))
        eventually(lambda: all(map(self._account_may, rules)), "the account has its rights")
        return self._written(self.plane.account_kubeconfig(self.name, _ACCOUNT, server), path)

    def _account(self, rules: Sequence[Raw]) -> list[Raw]:
        group, metadata = "rbac.authorization.k8s.io", {"name": _ACCOUNT, "namespace": self.name}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": _ACCOUNT},
            "subjects": [{"kind": "ServiceAccount"} | metadata],
        }
        return [account, role, binding]

    def _account_may(self, rule: Raw) -> bool:
        """Whether the authorizer has seen a rule by now."""
        return all(self._allowed(rule["apiGroups"][0], name, rule) for name in rule["resources"])

    def _allowed(self, group: str, name: str, rule: Raw) -> bool:
        resource, _, part = name.partition("/")
        asked = {"group": group, "resource": resource, "subresource": part}
        review = {
            "user": f"system:serviceaccount:{self.name}:{_ACCOUNT}",
            "resourceAttributes": asked | {"verb": rule["verbs"][-1], "namespace": self.name},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = self.plane.request("POST", path, {"spec": review})
        return answer is not None and bool(answer["status"]["allowed"])

    def _written(self, source: Path, path: Path) -> Path:
        config = json.loads(source.read_text())
        config["contexts"][0]["context"]["namespace"] = self.name
        path.write_text(json.dumps(config))
        return path
