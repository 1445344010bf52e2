"""What the machine must bring: Debian packages, root, a short path."""

import os
import shutil
import sys

from local_cluster import paths, ports, shell
from local_cluster.alive import insist

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""Program -> Debian package."""
_LONGEST_SOCKET = 107


def missing() -> list[str]:
    """Return the packages whose programs are not there."""
    found = shell.search_path()
    return sorted({p for tool, p in PACKAGES.items() if not shutil.which(tool, path=found)})


def problems() -> list[str]:
    """Return what would keep a cluster without Docker from starting, and what helps."""
    if sys.platform != "linux":
        return ["a cluster without Docker needs Linux: start Docker to use kind"]
    if os.geteuid() != 0:
        return ["a cluster without Docker needs root: run as root (sudo), or start Docker"]
    found = []
    if (packages := missing()) and shutil.which("apt-get") is None:
        found.append(f"install {', '.join(packages)}: there is no apt-get that could do it")
    if too_long := _socket_problem():
        found.append(too_long)
    return [*found, *ports.taken()]


def install() -> None:
    """Install what is missing with apt-get; say what is missing where that can't be done."""
    packages = missing()
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"cluster: install {', '.join(packages)} (as root, on Debian: apt-get install)")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"installing {' '.join(packages)}", flush=True)
    insist(["apt-get", "update", "-q"], env=env)
    insist(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], env=env)


def check() -> None:
    """End the program with what is wrong with the machine."""
    if packages := missing():
        sys.exit(f"cluster: install {', '.join(packages)}, or run `cluster setup`")
    if found := problems():
        sys.exit("\n".join(f"cluster: {line}" for line in found))


def _socket_problem() -> str | None:
    if len(f"{paths.SOCKET}.ttrpc") <= _LONGEST_SOCKET:
        return None
    return f"{paths.STATE} is too long for a socket's path: set CLUSTER_DIR to a shorter folder"
