"""A namespace under the chart's policies, and tenants with the rights that the chart gives."""

import json
from dataclasses import dataclass, field
from typing import Any

import urllib3

from clm_operator.settings import Settings, load_settings
from tests.operator.rig import VALUES
from tests.support import chart
from tests.support.control_plane import ControlPlane

Raw = dict[str, Any]
NAMESPACE = "hostile"
EDITOR, ADMIN, OPERATOR = "mallory", "ann-who-administers", "clm-operator"
KEY_SECRET = "exchange-key"
CLM = "/apis/clm.dev/v1alpha1"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    code: int
    body: Raw

    @property
    def words(self) -> str:
        """The refusal; empty if there was none."""
        return str(self.body.get("message", "")) if self.code >= 400 else ""


@dataclass
class Tenants:
    """Accounts, and requests in their names."""

    plane: ControlPlane
    settings: Settings
    pool: urllib3.PoolManager
    _tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        body: Raw | list[Raw] | bytes | None = None,
        *,
        account: str = EDITOR,
        **headers: str,
    ) -> Answer:
        """Send a request under an account's real token; a namespace's kinds by their short path."""
        if account not in self._tokens:
            words = ("-n", NAMESPACE, "create", "token", account, "--duration=1h")
            self._tokens[account] = self.plane.kubectl(*words).strip()
        known = {"Authorization": f"Bearer {self._tokens[account]}"}
        known["Content-Type"] = "application/json"
        known |= {name.replace("_", "-"): value for name, value in headers.items()}
        if not path.startswith("/"):
            path = f"{CLM}/namespaces/{NAMESPACE}/{path}"
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        found = self.pool.request(method, f"{self.plane.server}{path}", body=content, headers=known)
        return Answer(found.status, dict(json.loads(found.data)))

    def close(self) -> None:
        """End the connections."""
        self.pool.clear()


def _bound(account: str, *roles: str) -> list[Raw]:
    meta = {"name": account, "namespace": NAMESPACE}
    subject = {"kind": "ServiceAccount", **meta}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        *(
            {"apiVersion": f"{_RBAC}/v1", "kind": "RoleBinding", "subjects": [subject],
             "metadata": meta | {"name": f"{account}-{role}"},
             "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role}}
            for role in roles
        ),
    ]  # fmt: skip


def settle(plane: ControlPlane) -> tuple[Tenants, list[Raw]]:
    """Install the chart's roles and policies; return the tenants and what is to be removed."""
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    release = chart.render(NAMESPACE, *VALUES)
    local = chart.of_kind(release, "ServiceAccount", "Role", "RoleBinding")
    for item in local:
        item["metadata"].setdefault("namespace", NAMESPACE)
    wide = chart.of_kind(
        release, "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
    )
    view, edit, admin = (f"{role}.clm.{NAMESPACE}.clm.dev" for role in ("view", "edit", "admin"))
    people = [*_bound(EDITOR, view, edit), *_bound(ADMIN, view, edit, admin)]
    plane.apply(*local, *wide, *people)
    config = plane.folder / "hostile.yaml"
    config.write_text(chart.of_kind(release, "ConfigMap")[0]["data"]["config.yaml"])
    ca = str(plane.authority.folder / "ca.crt")
    return Tenants(plane, load_settings(config), urllib3.PoolManager(ca_certs=ca, timeout=20)), wide
