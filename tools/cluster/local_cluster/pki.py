"""Certificates and kubeconfigs, made with openssl."""

import json
from dataclasses import dataclass
from pathlib import Path

from local_cluster import paths
from local_cluster.shell import run

CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    "kubelet": f"/O=system:nodes/CN=system:node:{paths.NODE}",
    "coredns": "/CN=system:coredns",
}
"""Certificate and kubeconfig -> subject."""
FRONT_PROXY = "front-proxy"
_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder of its own."""

    folder: Path

    def create(self) -> None:
        """Make the authority, and the key that signs service account tokens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        _key(self.folder / "ca.key")
        run(
            "openssl", "req", "-x509", "-new", "-key", self.folder / "ca.key", "-days", "3650",
            "-subj", "/CN=cluster-local", "-out", self.folder / "ca.crt",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        _key(self.folder / "service-account.key")

    def certificate(
        self, name: str, subject: str, usage: str, addresses: tuple[str, ...] = ()
    ) -> None:
        """Make a key and a certificate signed by the authority."""
        key, crt = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        _key(key)
        extensions = [
            "basicConstraints=critical,CA:false",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={usage}",
        ]
        if addresses:
            extensions.append("subjectAltName=" + ",".join(addresses))
        run(
            "openssl", "req", "-x509", "-new", "-key", key, "-CA", self.folder / "ca.crt",
            "-CAkey", self.folder / "ca.key", "-days", "3650", "-subj", subject, "-out", crt,
            *(part for e in extensions for part in ("-addext", e)),
        )  # fmt: skip

    def server(self, *ips: str) -> None:
        """Make the API server's certificates."""
        addresses = (*(f"DNS:{n}" for n in _NAMES), *(f"IP:{ip}" for ip in ips))
        self.certificate("kube-apiserver", "/CN=kube-apiserver", "serverAuth", addresses)

    def front_proxy(self) -> None:
        """Make the certificate by which the API server passes requests on to other servers."""
        self.certificate(FRONT_PROXY, f"/CN={FRONT_PROXY}", "clientAuth")

    def kubeconfig(self, path: Path, server: str, user: str) -> None:
        """Write a kubeconfig that uses a certificate of that name."""
        self.write_kubeconfig(
            path,
            server,
            {
                "client-certificate": str(self.folder / f"{user}.crt"),
                "client-key": str(self.folder / f"{user}.key"),
            },
        )

    def write_kubeconfig(self, path: Path, server: str, credentials: dict[str, str]) -> None:
        """Write a kubeconfig with any credentials."""
        cluster = {"server": server, "certificate-authority": str(self.folder / "ca.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": "user", "user": credentials}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user"}}],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config, indent=2))
        path.chmod(0o600)


def _key(path: Path) -> None:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    path.chmod(0o600)


def issue_credentials() -> None:
    """Make everything that the node's components need, once."""
    authority = Authority(paths.PKI)
    if not (paths.PKI / "complete").exists():
        _issue(authority)
    if not (paths.PKI / f"{FRONT_PROXY}.crt").exists():  # a cluster of before has none
        authority.front_proxy()


def _issue(authority: Authority) -> None:
    authority.create()
    authority.server(paths.NODE_IP, paths.API_SERVICE_IP)
    addresses = (f"DNS:{paths.NODE}", f"IP:{paths.NODE_IP}")
    authority.certificate(
        "kubelet-server", f"/CN=system:node:{paths.NODE}", "serverAuth", addresses
    )
    authority.certificate("kube-apiserver-kubelet", "/CN=kube-apiserver-kubelet", "clientAuth")
    for name, subject in CLIENTS.items():
        authority.certificate(name, subject, "clientAuth")
        authority.kubeconfig(paths.KUBECONFIGS / name, paths.API, name)
    (paths.PKI / "complete").touch()
