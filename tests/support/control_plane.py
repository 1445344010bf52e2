"""A real etcd, kube-apiserver and, where asked for, kube-controller-manager on free ports."""

import json
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local_cluster import binaries
from local_cluster.components import etcd, flags, front_proxy
from local_cluster.pki import Authority
from local_cluster.processes import Processes, answers
from tests.support.ports import eventually, free_port
from tests.support.repository import ROOT

Raw = dict[str, Any]
_PATIENCE_S = 60.0
_GROUPS = {
    "tsched": ("apis/clm.dev/v1alpha1", "trainingschedules"),
    "mv": ("apis/clm.dev/v1alpha1", "modelversions"),
    "sim": ("apis/clm.dev/v1alpha1", "simulations"),
    "jobs": ("apis/batch/v1", "jobs"),
    "pods": ("api/v1", "pods"),
    "events": ("api/v1", "events"),
}


def _path(namespace: str, kind: str) -> str:
    group, plural = _GROUPS[kind]
    return f"/{group}/namespaces/{namespace}/{plural}"


@dataclass(frozen=True)
class ControlPlane:
    """A running API server.

    Parameters
    ----------
    folder
        Keys, logs and data.
    server, store
        Its address, and etcd's.
    flags
        More flags of the API server.
    """

    folder: Path
    server: str
    store: str
    authority: Authority
    processes: Processes
    flags: Raw

    @classmethod
    def start(cls, folder: Path, **more: object) -> "ControlPlane":
        """Start it, perhaps with more flags of the API server; ready in a few seconds."""
        binaries.build(binaries.CONTROL_PLANE)
        for name in ("run", "logs"):
            (folder / name).mkdir(parents=True)
        authority = Authority(folder / "pki")
        authority.create()
        authority.server("127.0.0.1", "10.0.0.1")
        authority.certificate("admin", "/O=system:masters/CN=admin", "clientAuth")
        authority.front_proxy()
        processes = Processes(folder / "run", folder / "logs", folder)
        client, port = f"http://127.0.0.1:{free_port()}", free_port()
        plane = cls(folder, f"https://127.0.0.1:{port}", client, authority, processes, more)
        plane.go_on()
        return plane

    def go_on(self) -> None:
        """Start etcd and the API server, where they were if they ran before."""
        ca, pki = self.authority.folder / "ca.crt", self.authority.folder
        client, port = self.store, self.server.rpartition(":")[2]
        peer = f"http://127.0.0.1:{free_port()}"
        self.processes.start("etcd", etcd(self.folder / "etcd", client, peer))
        self.processes.wait("etcd", partial(answers, f"{client}/health", ca))
        self.processes.start(
            "kube-apiserver",
            [
                "kube-apiserver",
                *flags(
                    etcd_servers=client,
                    bind_address="127.0.0.1",
                    advertise_address="127.0.0.1",
                    secure_port=port,
                    service_cluster_ip_range="10.0.0.0/24",
                    authorization_mode="RBAC",
                    client_ca_file=pki / "ca.crt",
                    tls_cert_file=pki / "kube-apiserver.crt",
                    tls_private_key_file=pki / "kube-apiserver.key",
                    service_account_issuer="https://kubernetes.default.svc.cluster.local",
                    service_account_key_file=pki / "service-account.key",
                    service_account_signing_key_file=pki / "service-account.key",
                    cert_dir=self.folder / "certs",
                    **front_proxy(pki),
                    **self.flags,
                ),
            ],
        )
        self.processes.wait("kube-apiserver", partial(answers, f"{self.server}/readyz", ca))
        self.authority.kubeconfig(self.kubeconfig, self.server, "admin")

    def start_controllers(self, **more: object) -> None:
        """Start the Job controller, garbage collection and service accounts; more flags of them."""
        controllers = "job-controller,garbage-collector-controller,serviceaccount-controller"
        controllers += ",namespace-controller,root-ca-certificate-publisher-controller"
        self.processes.start(
            "kube-controller-manager",
            [
                "kube-controller-manager",
                *flags(
                    kubeconfig=self.kubeconfig,
                    controllers=controllers,
                    use_service_account_credentials="true",
                    secure_port=0,
                    root_ca_file=self.authority.folder / "ca.crt",
                    service_account_private_key_file=self.authority.folder / "service-account.key",
                    leader_elect="false",
                    **more,
                ),
            ],
        )

    def define(self) -> None:
        """Serve CLM's kinds."""
        for name in ("trainingschedules", "modelversions", "simulations"):
            self.kubectl("apply", "-f", ROOT / "crds" / f"{name}.yaml")
            eventually(partial(self._is_served, name), f"{name} are served")

    def _is_served(self, name: str) -> bool:
        return "No resources found" in self.kubectl("get", name, "-A", check=False)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "admin.kubeconfig"

    def account_kubeconfig(self, namespace: str, name: str, server: str | None = None) -> Path:
        """Return a kubeconfig with a service account's real token, perhaps through a proxy."""
        token = self.kubectl("-n", namespace, "create", "token", name, "--duration=2h").strip()
        path = self.folder / f"{namespace}-{name}-{free_port()}.kubeconfig"
        self.authority.write_kubeconfig(path, server or self.server, {"token": token})
        return path

    def kubectl(self, *arguments: object, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl as administrator; return its output, errors included where not checked."""
        command = [binaries.program("kubectl"), "--kubeconfig", self.kubeconfig, *arguments]
        result = subprocess.run(
            [str(word) for word in command],
            text=True,
            capture_output=True,
            input=stdin,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(f"kubectl {arguments}: {result.stderr}")
        return result.stdout if check else result.stdout + result.stderr

    def apply(self, *objects: Raw) -> None:
        """Apply objects."""
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(bundle))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.folder / "ca.crt"))
        folder = self.authority.folder
        context.load_cert_chain(folder / "admin.crt", folder / "admin.key")
        return context

    def request(
        self,
        method: str,
        path: str,
        body: Raw | None = None,
        kind: str = "",
        patience_s: float = _PATIENCE_S,
    ) -> Raw | None:
        """Ask the API server as administrator; None if there is no such object.

        Parameters
        ----------
        patience_s
            How long 429, which asks for another try, is waited out.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind or "application/json"}
        request = urllib.request.Request(
            f"{self.server}{path}", data=data, method=method, headers=headers
        )
        try:
            with urllib.request.urlopen(request, context=self._trust, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == HTTPStatus.NOT_FOUND:
                    return None
                wait_s = float(error.headers.get("Retry-After", 1))
                if error.code == HTTPStatus.TOO_MANY_REQUESTS and wait_s <= patience_s:
                    time.sleep(wait_s)  # a definition is being served anew
                    return self.request(method, path, body, kind, patience_s - wait_s)
                raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def get(self, namespace: str, kind: str, name: str) -> Raw | None:
        """Read one object; None if there is none."""
        return self.request("GET", f"{_path(namespace, kind)}/{name}")

    def list(self, namespace: str, kind: str) -> list[Raw]:
        """Read all objects of a kind, oldest first."""
        found = (self.request("GET", _path(namespace, kind)) or {}).get("items", [])
        return sorted(found, key=lambda o: str(o["metadata"]["creationTimestamp"]))

    def back_up(self, to: Path) -> None:
        """Copy what etcd has stored; the API server is away meanwhile."""
        self.halt()
        shutil.copytree(self.folder / "etcd", to)
        self.go_on()

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of what etcd has stored: resourceVersions go back."""
        self.halt()
        shutil.rmtree(self.folder / "etcd")
        shutil.copytree(backup, self.folder / "etcd")
        self.go_on()

    def halt(self) -> None:
        """End etcd and the API server."""
        for name in ("kube-apiserver", "etcd"):
            self.processes.stop(name)

    def stop(self) -> None:
        """End all processes."""
        self.processes.stop("kube-controller-manager")
        self.halt()
