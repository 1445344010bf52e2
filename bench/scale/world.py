"""A control plane and a store with nothing in them but a namespace."""

import re
import shutil
import ssl
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from tests.support.control_plane import ControlPlane
from tests.support.minio_server import MinioServer
from tests.support.ports import eventually

from bench.scale.admin import Admin
from bench.scale.audit import OPERATOR, PEER, POLICY, SECOND, Audit
from bench.scale.meter import OPERATOR_CPU, Reading, cpu_s, samples

NAMESPACE = "scale"
CLM = f"/apis/clm.dev/v1alpha1/namespaces/{NAMESPACE}"
SCHEDULES, VERSIONS = f"{CLM}/trainingschedules", f"{CLM}/modelversions"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
WRITES_PER_S = 50
"""The operator's budget of writes."""
_KINDS = ("trainingschedules", "modelversions", "simulations")
_S3 = "minio_s3_requests_total{"
_LOG_MB = 100_000  # the log is never rotated


class World:
    """The servers that the operator talks to; a context manager.

    Parameters
    ----------
    repo
        The checkout whose definitions are served and whose operator runs.
    """

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self._owned = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._owned.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._owned.close()

    def _start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clm-scale-"))
        self._owned.callback(shutil.rmtree, self.folder, ignore_errors=True)
        policy, log = self.folder / "audit-policy.yaml", self.folder / "audit.log"
        policy.write_text(POLICY)
        self.audit = Audit(log)
        self.plane = ControlPlane.start(
            self.folder / "plane",
            audit_policy_file=policy,
            audit_log_path=log,
            audit_log_maxsize=_LOG_MB,
        )
        self._owned.callback(self.plane.stop)
        self._control()
        self.minio = MinioServer.start(
            self.folder / "minio", {"MINIO_PROMETHEUS_AUTH_TYPE": "public"}
        )
        self._owned.callback(self.minio.close)
        self.bucket = self.minio.make_bucket(NAMESPACE)
        for user in (OPERATOR, SECOND, PEER):
            self.plane.authority.certificate(user, f"/O=system:masters/CN={user}", "clientAuth")
            self.plane.authority.kubeconfig(self.kubeconfig(user), self.plane.server, user)
        self._define()

    def _control(self) -> None:
        """Start what makes pods of Jobs."""
        self.plane.start_controllers()

    def _define(self) -> None:
        """Serve the kinds; a build of before Simulations has two."""
        kinds = [name for name in _KINDS if (self.repo / f"crds/{name}.yaml").exists()]
        for name in kinds:
            self.plane.kubectl("apply", "-f", self.repo / "crds" / f"{name}.yaml")
        for name in kinds:
            eventually(partial(self.admin.get, f"/apis/clm.dev/v1alpha1/{name}"), f"{name} served")
        account = {"name": "clm-trainer", "namespace": NAMESPACE}
        self.plane.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        )

    @cached_property
    def admin(self) -> Admin:
        """The bench's own client."""
        keys = self.plane.authority.folder
        trust = ssl.create_default_context(cafile=str(keys / "ca.crt"))
        trust.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        admin = Admin(self.plane.server, trust)
        self._owned.callback(admin.close)
        return admin

    def kubeconfig(self, user: str) -> Path:
        """Where a user's kubeconfig lies."""
        return self.folder / f"{user}.kubeconfig"

    def config(self, credentials: str = "Static") -> dict[str, Any]:
        """The operator's configuration; a build of before the Lease knows none."""
        elects = (self.repo / "operator/src/clm_operator/edge/leader.py").exists()
        lease = {"leader": {"namespace": NAMESPACE, "name": "clm-operator"}}
        return (lease if elects else {}) | {
            "store": {
                "url": self.bucket,
                "endpoint": self.minio.endpoint,
                "secretName": "store",
                "credentials": credentials,
            },
            "trainer": {"images": dict.fromkeys(("boosting", "neural", "rl"), "trainer:none")},
            "watchNamespaces": [NAMESPACE],
            "apiWritesPerSecond": WRITES_PER_S,
        }

    def reading(self, pid: int) -> Reading:
        """What the servers and one process have used so far."""
        plane = self.plane.processes
        pids = {name: plane.pid(name) or 0 for name in ("kube-apiserver", "etcd")}
        cpus = {name: cpu_s(one) for name, one in (pids | {OPERATOR_CPU: pid}).items()}
        return Reading(time.monotonic(), cpus, len(self.audit.read()))

    def stored(self) -> dict[str, int]:
        """Requests that MinIO has answered so far, by S3 call."""
        address = f"{self.minio.endpoint}/minio/v2/metrics/cluster"
        with urllib.request.urlopen(address, timeout=30) as answer:
            found = samples(answer.read().decode())
        named = {re.search(r'api="([^"]*)"', key): n for key, n in found.items() if _S3 in key}
        return {name[1]: int(count) for name, count in named.items() if name}
