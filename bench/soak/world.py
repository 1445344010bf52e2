"""The scale bench's world with the chart's accounts and rules, a gate, and a clock that jumps."""

import http.client
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import yaml
from tests.support import chart
from tests.support.operator_process import OperatorProcess
from tests.support.shifted_operator import AHEAD
from tests.support.store_server import ACCESS_KEY, SECRET_KEY

from bench.scale.subject import sources
from bench.scale.world import (
    CLM,
    EVENTS,
    JOBS,
    NAMESPACE,
    PODS,
    SCHEDULES,
    VERSIONS,
    World,
)
from bench.soak.gate import Gate
from bench.soak.hours import Hours
from bench.soak.sight import Sight, Watch

_ACCOUNT = "clm-operator"
_SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
_WATCHED = (SCHEDULES, VERSIONS, JOBS, PODS, EVENTS, _SECRETS)
_VALUES = (
    "minio.enabled=true", f'minio.rootUser="{ACCESS_KEY}"', f'minio.rootPassword="{SECRET_KEY}"',
    'objectStore.credentials="PerRun"',
)  # fmt: skip
__all__ = ["CLM", "JOBS", "NAMESPACE", "PODS", "SCHEDULES", "VERSIONS", "SoakWorld"]


class SoakWorld(World):
    """Servers, watches, and one operator that is killed and started again.

    Parameters
    ----------
    begins
        When the world's clock starts.
    """

    def __init__(self, repo: Path, begins: datetime) -> None:
        super().__init__(repo)
        self._begins = begins
        self.operator: OperatorProcess | None = None
        self.has_api = self.has_store = True
        self.starts = 0

    def _start(self) -> None:
        super()._start()
        self.hours = Hours(self.folder / "ahead", self._begins)
        self.sight = Sight(self.hours)
        self._sources = sources(self.repo)
        self._accounts()
        ca = str(self.plane.authority.folder / "ca.crt")
        self.gate = Gate(self.plane.server, ca, self.hours, self.kill)
        self._owned.callback(self.gate.proxy.stop)
        self._kubeconfig = self.plane.account_kubeconfig(NAMESPACE, _ACCOUNT, self.gate.url)
        self._watches = [Watch(self.sight, self.link, path) for path in _WATCHED]
        for watch in self._watches:
            self._owned.callback(watch.stop)
            watch.wait()
        self._owned.callback(self.kill)

    def _accounts(self) -> None:
        release = chart.render(NAMESPACE, *_VALUES)
        kinds = ("ServiceAccount", "Role", "RoleBinding", "Secret")
        rules = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
        wanted = chart.of_kind(release, *kinds)
        for item in wanted:
            item["metadata"].setdefault("namespace", NAMESPACE)
        self.plane.apply(*wanted, *chart.of_kind(release, *rules))

    def link(self) -> http.client.HTTPSConnection:
        """A connection to the API server as the administrator."""
        keys, address = self.plane.authority.folder, urlparse(self.plane.server)
        trust = ssl.create_default_context(cafile=str(keys / "ca.crt"))
        trust.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        host, port = address.hostname or "", address.port
        return http.client.HTTPSConnection(host, port, context=trust, timeout=600)

    @property
    def works(self) -> bool:
        """Whether there is an operator that reaches the API server."""
        alive = self.operator is not None and not self.operator.ended
        return alive and self.has_api and not self.gate.is_cut

    def config(self, credentials: str = "PerRun") -> dict[str, Any]:
        """The operator's configuration as the chart renders it, with this world's addresses."""
        release = chart.render(NAMESPACE, *_VALUES)
        text = chart.of_kind(release, "ConfigMap")[0]["data"]["config.yaml"]
        config = dict(yaml.safe_load(text))
        config["store"] |= {
            "url": self.bucket,
            "endpoint": self.minio.endpoint,
            "createBucket": False,
            "credentials": credentials,
        }
        return config | {"progressPollSeconds": 2}

    def start(self) -> None:
        """Start the operator; return once it has seen who leads."""
        environment = self._sources | self.minio.environment()
        environment |= {AHEAD: str(self.folder / "ahead")}
        folder = self.folder / "operator"
        self.operator = OperatorProcess.start(
            folder, self.config(), self._kubeconfig, environment, "bench.soak.moved"
        )
        self.starts += 1
        if self.operator.ended:
            raise AssertionError(self.operator.log.read_text()[-3000:])

    def kill(self) -> None:
        """Kill the operator, if there is one."""
        if self.operator is not None:
            self.operator.kill()

    def stop_api(self) -> None:
        """Take the API server away."""
        self.has_api, self.gate.is_held = False, True
        self.plane.processes.stop("kube-apiserver")

    def resume_api(self) -> None:
        """Bring it back; nobody writes before all watches go on."""
        self.plane.go_on()
        for watch in self._watches:
            watch.wait()
        self.has_api, self.gate.is_held = True, False

    def stop_store(self) -> None:
        """Take the store away."""
        self.has_store = False
        self.minio.stop()

    def resume_store(self) -> None:
        """Bring it back."""
        self.minio.resume()
        self.has_store = True
