"""The whole machine around the operator: API server, store with real bars, kubelet, account."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.storage import Storage
from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.kubelet import ProcessKubelet
from tests.support.minio_server import MinioServer
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.proxy import Proxy, Seen
from tests.support.repository import BARS
from tests.support.store_server import ACCESS_KEY, SECRET_KEY

Raw = dict[str, Any]
CANARY = SECRET_KEY
VALUES = (
    "minio.enabled=true", f'minio.rootUser="{ACCESS_KEY}"', f'minio.rootPassword="{CANARY}"',
)  # fmt: skip
DAYS = 260


def import_bars(store: Storage, *, drop: slice | None = None) -> None:
    """Put the newest real bars of both symbols into a store, perhaps with a hole."""
    for symbol, path in BARS.items():
        frame = pd.read_parquet(path)
        frame = frame[frame["timestamp"] >= frame["timestamp"].iloc[-1] - pd.Timedelta(days=DAYS)]
        if drop is not None:
            frame = frame.drop(frame.index[drop])
        key = BarKey("binance", "spot", symbol, "1h")
        BarCache(store).write(key, frame.reset_index(drop=True), "test")


@dataclass
class Rig:
    """One namespace with everything that a release brings."""

    plane: ControlPlane
    minio: MinioServer
    namespace: str
    folder: Path
    api: Proxy
    """What the operator reaches the API server through."""
    store_proxy: Proxy
    """What trainers reach the store through."""
    kubelet: ProcessKubelet
    operators: list[OperatorProcess] = field(default_factory=list)
    config_overrides: Raw = field(default_factory=dict)

    @classmethod
    def build(cls, plane: ControlPlane, minio: MinioServer, namespace: str, folder: Path) -> "Rig":
        """Make the namespace, the release's accounts and roles, and a bucket."""
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        release = chart.render(namespace, *VALUES)
        wanted = chart.of_kind(release, "ServiceAccount", "Role", "RoleBinding", "Secret")
        for item in wanted:
            item["metadata"].setdefault("namespace", namespace)
        policies = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
        plane.apply(*wanted, *chart.of_kind(release, *policies))
        minio.make_bucket(namespace)
        ca = str(plane.authority.folder / "ca.crt")
        store_proxy = Proxy(minio.endpoint)
        kubelet = ProcessKubelet(plane, namespace, folder / "kubelet")
        return cls(plane, minio, namespace, folder, Proxy(plane.server, ca), store_proxy, kubelet)

    def close(self) -> None:
        """End everything and look at the invariants a last time."""
        for operator in self.operators:
            if not operator.ended:
                operator.kill()
        self.kubelet.stop()
        self.api.stop()
        self.store_proxy.stop()

    @property
    def storage(self) -> Storage:
        """The bucket, directly."""
        return Storage(f"s3://{self.namespace}")

    def config(self) -> Raw:
        """The operator's configuration as the chart renders it, with this rig's addresses."""
        release = chart.render(self.namespace, *VALUES)
        text = chart.of_kind(release, "ConfigMap")[0]["data"]["config.yaml"]
        config = dict(yaml.safe_load(text))
        config["store"] |= {
            "url": f"s3://{self.namespace}",
            "endpoint": self.store_proxy.url,
            "createBucket": False,
        }
        config["progressPollSeconds"] = 0.5
        return config | self.config_overrides

    def start_operator(self, **variables: str) -> OperatorProcess:
        """Start the operator under its own service account, through the proxy."""
        path = self.plane.account_kubeconfig(self.namespace, "clm-operator", self.api.url)
        known = self.minio.environment() | variables
        operator = OperatorProcess.start(self.folder, self.config(), path, known)
        self.operators.append(operator)
        return operator

    def apply(self, *schedules: Raw) -> None:
        """Apply schedules into this namespace."""
        for item in schedules:
            item["metadata"]["namespace"] = self.namespace
        self.plane.apply(*schedules)

    def schedule(self, name: str) -> Raw:
        """Read a schedule."""
        found = self.plane.get(self.namespace, "tsched", name)
        assert found is not None
        return found

    def versions(self, schedule: str | None = None) -> list[Raw]:
        """Read versions, oldest first."""
        found = self.plane.list(self.namespace, "mv")
        return [v for v in found if schedule in (None, v["spec"]["scheduleRef"]["name"])]

    def version(self, name: str) -> Raw:
        """Read a version."""
        found = self.plane.get(self.namespace, "mv", name)
        assert found is not None
        return found

    def create_version(self, manifest: Raw) -> None:
        """Create a version under the operator's account: nobody else may."""
        path = self.plane.account_kubeconfig(self.namespace, "clm-operator")
        words = ("--kubeconfig", path, "-n", self.namespace, "create", "-f", "-")
        self.plane.kubectl(*words, stdin=json.dumps(manifest))

    def ask(self, name: str, **more: str) -> None:
        """Ask for a version in production, as the administrator."""
        request = {"stage": "PRODUCTION", "by": "admin", "reason": f"{name} it is"} | more
        patch = json.dumps({"spec": {"request": request}})
        self.plane.kubectl(
            "-n", self.namespace, "patch", "mv", name, "--type=merge", "-p", patch
        )  # fmt: skip

    def write_status(self, name: str, status: Raw) -> None:
        """Change a schedule's status as the administrator, who may while it is being restored."""

        def change(verb: str, *words: str) -> None:
            self.plane.kubectl("-n", self.namespace, verb, "tsched", name, *words)

        change("annotate", "clm.dev/restoring=test")
        patch = json.dumps({"status": status})
        change("patch", "--subresource=status", "--type=merge", "-p", patch)
        change("annotate", "clm.dev/restoring-")

    def outcome(self, name: str) -> str | None:
        """Return what became of a version's request once it is decided and gone."""
        found = self.version(name)
        if "request" in found["spec"]:
            return None
        return str(found["status"].get("promotion", {}).get("outcome"))

    def ended(self, schedule: str, count: int = 1) -> list[Raw] | None:
        """Return the versions of a schedule once so many of them have ended."""
        found = self.versions(schedule)
        terminal = [v for v in found if v.get("status", {}).get("phase") in ("Succeeded", "Failed")]
        return found if len(terminal) >= count else None

    def wait_ended(self, schedule: str, count: int = 1, seconds: float = 300) -> list[Raw]:
        """Wait for it."""
        return eventually(
            lambda: self.ended(schedule, count), f"{count} ended version(s) of {schedule}", seconds
        )

    def wait_status(self, name: str, holds: Callable[[Raw], object], what: str) -> Raw:
        """Wait until a schedule's status fulfils a condition."""

        def look() -> Raw | None:
            status = self.schedule(name).get("status", {})
            return status if holds(status) else None

        return eventually(look, f"{name}: {what}")

    def settle(self) -> None:
        """Wait until the operator has stopped writing."""
        counts: list[int] = []

        def quiet() -> bool:
            counts.append(self.writes())
            return len(counts) > 30 and counts[-1] == counts[-30]

        eventually(quiet, "no more writes")

    def writes(self) -> int:
        """How many writes the operator has sent, those of its Lease aside."""
        return sum(map(is_write, self.api.seen))

    def secrets(self, version: str) -> list[Raw]:
        """Read the Secrets that were made for a version, as the administrator."""
        words = ("-n", self.namespace, "get", "secrets", "-o", "json", "-l")
        found = self.plane.kubectl(*words, f"clm.dev/version={version}")
        return list(json.loads(found)["items"])

    def dump(self) -> str:
        """Everything in the namespace as text, Secrets aside."""
        kinds = "tsched,mv,jobs,pods,events,configmaps"
        return self.plane.kubectl("-n", self.namespace, "get", kinds, "-o", "json")


def is_write(seen: Seen) -> bool:
    """Whether a request to the API server writes something else than a Lease."""
    return seen.method != "GET" and "/leases" not in seen.path


def forbid(rig: Rig, kind: str) -> None:
    """Set a quota of 0 and, as no controller does it here, its status."""
    name, hard = "none", {f"count/{kind}": "0"}
    meta = {"name": name, "namespace": rig.namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}}
    rig.plane.apply(quota)
    path = f"/api/v1/namespaces/{rig.namespace}/resourcequotas/{name}/status"
    status = {"status": {"hard": hard, "used": hard}}
    rig.plane.request("PATCH", path, status, "application/merge-patch+json")


def condition(status: Raw, kind: str) -> Raw:
    """Return a condition of a status, empty if it is not there."""
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})


def as_json(item: Raw) -> str:
    """Return an object as text for comparisons."""
    return json.dumps(item, sort_keys=True)
