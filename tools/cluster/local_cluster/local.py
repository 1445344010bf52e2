"""The cluster's life on this machine: up, down, status."""

import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path

from local_cluster import binaries, host, images, node, paths, pki
from local_cluster.components import PROCESSES, commands, healthy
from local_cluster.kueue import Kueue, Ports
from local_cluster.pki import Authority
from local_cluster.shell import attempt, kubectl, run, say

_STAGES = (
    ("containerd", "etcd"),
    ("kube-apiserver",),
    ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns"),
)
_KUEUE_PORTS = Ports(webhook=24443, visibility=24482, health=24481)


def up() -> None:
    """Start what is not running and wait until the node is Ready."""
    host.check()
    binaries.build(binaries.NODE)
    for folder in (paths.LOGS, paths.RUN, paths.DATA, paths.CONFIG):
        folder.mkdir(parents=True, exist_ok=True)
    paths.STATE.chmod(0o700)
    pki.issue_credentials()
    node.render_config()
    node.configure()
    components = commands()
    for stage in _STAGES:
        if stage == _STAGES[2]:
            images.load_pause_image()
            kubectl("apply", "-f", paths.CONFIG / "system.yaml")
        for name in stage:
            PROCESSES.start(name, components[name][0])
        for name in stage:
            address = components[name][1]
            PROCESSES.wait(name, partial(healthy, address))
    _wait_for_node()
    if (queues := _kueue()).is_installed:
        queues.start()


def start_kueue() -> None:
    """Start Kueue in the cluster that runs; ``up`` and ``down`` look after it from then on."""
    if not PROCESSES.pid("kube-apiserver"):
        sys.exit("cluster: not up: run `cluster up` first")
    _kueue().start()
    say("Kueue answers")


def _kueue() -> Kueue:
    authority, admin = Authority(paths.PKI), paths.KUBECONFIGS / "admin"
    return Kueue(paths.DATA / "kueue", paths.API, admin, authority, PROCESSES, _KUEUE_PORTS)


def _wait_for_node(seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while attempt("kubectl", "get", "node", paths.NODE) is None:
        if time.monotonic() > deadline:
            sys.exit("cluster: the kubelet did not register its node; see logs/kubelet.log")
        time.sleep(0.2)
    gpus = os.environ.get("CLUSTER_GPUS", "0")
    if gpus != "0":
        # The kubelet keeps extended resources that it doesn't manage.
        resources = {"nvidia.com/gpu": gpus}
        patch = json.dumps({"status": {"capacity": resources, "allocatable": resources}})
        kubectl("patch", "node", paths.NODE, "--subresource=status", "--type=merge", "-p", patch)
        kubectl("label", "node", paths.NODE, "nvidia.com/gpu.present=true", "--overwrite")
    kubectl("wait", "--for=condition=Ready", f"node/{paths.NODE}", f"--timeout={seconds:.0f}s")
    while attempt("kubectl", "get", "serviceaccount", "default") is None:
        time.sleep(0.1)
    say("node Ready")


def down() -> None:
    """Stop and forget the cluster; binaries and images stay in the cache."""
    if not paths.RUN.exists():
        say("not up")
        return
    components = commands()
    _kueue().stop()
    for name in reversed(components):
        if name != "containerd":
            PROCESSES.stop(name)
    # It may have died; its containers live on.
    PROCESSES.start("containerd", components["containerd"][0])
    PROCESSES.wait("containerd", lambda: healthy(None))
    _remove_containers()
    PROCESSES.stop("containerd")
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed([m for m in mounts if m.startswith(f"{paths.STATE}/")]):
        run("umount", "--lazy", mount)
    node.restore()
    _remove_leftovers()
    folders = (paths.DATA, paths.LOGS, paths.CONFIG, paths.PKI, paths.KUBECONFIGS, paths.RUN)
    for folder in (*folders, paths.STATE / "containerd"):
        shutil.rmtree(folder, ignore_errors=folder == paths.STATE / "containerd")
    say("down")


def _remove_containers() -> None:
    for task in images.ctr("tasks", "ls", "--quiet").split():
        images.ctr("tasks", "rm", "--force", task, run=attempt)  # its shim may end first
    for container in images.ctr("containers", "ls", "--quiet").split():
        images.ctr("containers", "rm", container)
        for result in Path("/var/lib/cni/results").glob(f"*-{container}-*"):
            result.unlink()


def _remove_leftovers() -> None:
    for pattern in ("kubepods", "*/kubepods"):  # cgroup v2, v1
        for group in Path("/sys/fs/cgroup").glob(pattern):
            for directory, _, _ in os.walk(group, topdown=False):
                attempt("rmdir", directory)
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(paths.STATE):
            link.unlink()
    Path("/var/lib/kubelet/device-plugins/kubelet.sock").unlink(missing_ok=True)


def status() -> None:
    """List components, node and pods."""
    for name, (_, address) in commands().items():
        pid = PROCESSES.pid(name)
        state = "stopped" if not pid else "healthy" if healthy(address) else "unhealthy"
        print(f"{name:26}{state:12}{pid or ''}")
    if _kueue().is_installed:
        pid = PROCESSES.pid("kueue")
        print(f"{'kueue':26}{'running' if pid else 'stopped':12}{pid or ''}")
    if PROCESSES.pid("kube-apiserver"):
        print(kubectl("get", "nodes,pods", "--all-namespaces", "-o", "wide"))


def environment_lines() -> list[str]:
    """Return the shell lines that select this cluster."""
    return [
        f"export KUBECONFIG={paths.KUBECONFIGS / 'admin'}",
        f"export PATH={':'.join(binaries.folders())}:$PATH",
    ]
