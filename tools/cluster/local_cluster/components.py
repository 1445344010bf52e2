"""The command lines of the node's components and how to ask them whether they are well."""

from pathlib import Path

from local_cluster import paths
from local_cluster.images import ctr
from local_cluster.pki import FRONT_PROXY
from local_cluster.processes import Processes, answers
from local_cluster.shell import attempt

Command = list[object]
PROCESSES = Processes(paths.RUN, paths.LOGS, paths.STATE)


def flags(**values: object) -> Command:
    """Return ``--key=value`` words; underscores become dashes."""
    return [f"--{key.replace('_', '-')}={value}" for key, value in values.items()]


def etcd(data: object, client: str, peer: str) -> Command:
    """Return the command line of etcd."""
    return [
        "etcd",
        *flags(
            data_dir=data,
            listen_client_urls=client,
            advertise_client_urls=client,
            listen_peer_urls=peer,
            unsafe_no_fsync="true",
            log_level="warn",
        ),
    ]


def front_proxy(pki: Path) -> dict[str, object]:
    """Return the API server's flags for servers that it passes requests on to."""
    return {
        "requestheader_client_ca_file": pki / "ca.crt",
        "requestheader_allowed_names": FRONT_PROXY,
        "requestheader_username_headers": "X-Remote-User",
        "requestheader_group_headers": "X-Remote-Group",
        "requestheader_extra_headers_prefix": "X-Remote-Extra-",
        "proxy_client_cert_file": pki / f"{FRONT_PROXY}.crt",
        "proxy_client_key_file": pki / f"{FRONT_PROXY}.key",
    }


def commands() -> dict[str, tuple[Command, str | None]]:
    """Return component -> (command, health address)."""
    pki, config, kubeconfigs = paths.PKI, paths.CONFIG, paths.KUBECONFIGS
    return {
        "containerd": (["containerd", "--config", config / "containerd.toml"], None),
        "etcd": (
            etcd(paths.DATA / "etcd", paths.ETCD, "http://127.0.0.1:23800"),
            f"{paths.ETCD}/health",
        ),
        "kube-apiserver": (
            [
                "kube-apiserver",
                *flags(
                    etcd_servers=paths.ETCD,
                    bind_address=paths.NODE_IP,
                    advertise_address=paths.NODE_IP,
                    secure_port=6443,
                    service_cluster_ip_range=paths.SERVICE_CIDR,
                    authorization_mode="Node,RBAC",
                    enable_admission_plugins="NodeRestriction",
                    allow_privileged="true",  # PodSecurity decides, per namespace
                    tls_cert_file=pki / "kube-apiserver.crt",
                    tls_private_key_file=pki / "kube-apiserver.key",
                    client_ca_file=pki / "ca.crt",
                    kubelet_certificate_authority=pki / "ca.crt",
                    kubelet_client_certificate=pki / "kube-apiserver-kubelet.crt",
                    kubelet_client_key=pki / "kube-apiserver-kubelet.key",
                    kubelet_preferred_address_types="InternalIP",
                    service_account_issuer="https://kubernetes.default.svc.cluster.local",
                    service_account_key_file=pki / "service-account.key",
                    service_account_signing_key_file=pki / "service-account.key",
                    **front_proxy(pki),
                ),
            ],
            f"{paths.API}/readyz",
        ),
        "kube-controller-manager": (
            [
                "kube-controller-manager",
                *flags(
                    kubeconfig=kubeconfigs / "kube-controller-manager",
                    bind_address="127.0.0.1",
                    use_service_account_credentials="true",
                    root_ca_file=pki / "ca.crt",
                    service_account_private_key_file=pki / "service-account.key",
                    cluster_signing_cert_file=pki / "ca.crt",
                    cluster_signing_key_file=pki / "ca.key",
                    leader_elect="false",
                ),
            ],
            "https://127.0.0.1:10257/healthz",
        ),
        "kube-scheduler": (
            [
                "kube-scheduler",
                *flags(
                    kubeconfig=kubeconfigs / "kube-scheduler",
                    bind_address="127.0.0.1",
                    leader_elect="false",
                ),
            ],
            "https://127.0.0.1:10259/healthz",
        ),
        "kubelet": (
            [
                "kubelet",
                *flags(
                    config=config / "kubelet.yaml",
                    kubeconfig=kubeconfigs / "kubelet",
                    hostname_override=paths.NODE,
                    node_ip=paths.NODE_IP,
                    root_dir=paths.DATA / "kubelet",
                    cert_dir=pki,
                ),
            ],
            "http://127.0.0.1:10248/healthz",
        ),
        "kube-proxy": (
            ["kube-proxy", *flags(config=config / "kube-proxy.yaml", hostname_override=paths.NODE)],
            "http://127.0.0.1:10256/livez",
        ),
        "coredns": (["coredns", "-conf", config / "Corefile"], "http://127.0.0.1:8054/health"),
    }


def healthy(address: str | None) -> bool:
    """Whether a component answers; containerd has no address, its client asks."""
    if address is None:
        return ctr("version", run=attempt) is not None
    return answers(address, paths.PKI / "ca.crt")
