"""The node's network, kernel settings and rendered configuration."""

import ipaddress
import json
import os
import string
from pathlib import Path

from local_cluster import paths
from local_cluster.images import PAUSE_IMAGE
from local_cluster.shell import attempt, run

SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "vm.overcommit_memory": "1",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
}
"""Set while the cluster runs, put back by ``down``. The kubelet insists on the last three."""


def sysctl_path(name: str) -> Path:
    """Return the file of a kernel setting."""
    return Path("/proc/sys") / name.replace(".", "/")


def configure() -> None:
    """Make the bridge, the firewall and the kernel settings."""
    if not Path(f"/sys/class/net/{paths.BRIDGE}").exists():
        run("ip", "link", "add", paths.BRIDGE, "type", "bridge")
    length = ipaddress.ip_network(paths.POD_CIDR).prefixlen
    run("ip", "addr", "replace", f"{paths.NODE_IP}/{length}", "dev", paths.BRIDGE)
    run("ip", "link", "set", paths.BRIDGE, "up")
    # Keeps packets for service addresses that kube-proxy doesn't know on this machine.
    run("ip", "route", "replace", paths.SERVICE_CIDR, "dev", paths.BRIDGE)
    rules = (paths.CONFIG / "firewall.nft").read_text()
    run("nft", "-f", "-", stdin=f"table ip cluster-local\ndelete table ip cluster-local\n{rules}")
    if not sysctl_path("net.bridge.bridge-nf-call-iptables").exists():
        run("modprobe", "br_netfilter")
    saved = paths.RUN / "sysctls.json"
    if not saved.exists():
        before = {name: sysctl_path(name).read_text().strip() for name in SYSCTLS}
        saved.write_text(json.dumps(before))
    for name, value in SYSCTLS.items():
        sysctl_path(name).write_text(value)


def restore() -> None:
    """Undo ``configure``."""
    for family, table in (("ip", "kube-proxy"), ("ip6", "kube-proxy"), ("ip", "cluster-local")):
        attempt("nft", "delete", "table", family, table)
    if Path(f"/sys/class/net/{paths.BRIDGE}").exists():
        run("ip", "link", "del", paths.BRIDGE)
    saved = paths.RUN / "sysctls.json"
    if saved.exists():
        for name, value in json.loads(saved.read_text()).items():
            sysctl_path(name).write_text(value)


def render_config() -> None:
    """Fill the templates of ``config/``; kube-proxy exits on a rewrite, so only where needed."""
    (paths.CONFIG / "cni").mkdir(parents=True, exist_ok=True)
    egress = os.environ.get("CLUSTER_EGRESS") == "1"
    plugins = ("/opt/cni/bin", "/usr/lib/cni")
    values = {
        "STATE": paths.STATE,
        "NODE_IP": paths.NODE_IP,
        "POD_CIDR": paths.POD_CIDR,
        "SERVICE_CIDR": paths.SERVICE_CIDR,
        "BRIDGE": paths.BRIDGE,
        "PAUSE_IMAGE": PAUSE_IMAGE,
        "CNI_BIN": next(d for d in plugins if Path(d, "bridge").exists()),
        "EGRESS": "accept" if egress else "drop",
        "FORWARD": "forward . /etc/resolv.conf" if egress else "",
    }
    for template in (paths.HERE / "config").iterdir():
        if template.name in ("kind.yaml", "minio.Dockerfile"):
            continue
        name = "cni/10-pods.conflist" if template.name == "cni.conflist" else template.name
        text = string.Template(template.read_text()).substitute(values)
        target = paths.CONFIG / name
        if not target.exists() or target.read_text() != text:
            target.write_text(text)
