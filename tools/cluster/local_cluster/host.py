"""What the machine must bring: Debian packages, root, a short path."""

import os
import shutil
import subprocess
import sys

from local_cluster import paths, shell

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


def install() -> None:
    """Install what is missing with apt-get; say what is missing where that can't be done."""
    packages = missing()
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"cluster: install {', '.join(packages)} (as root, on Debian: apt-get install)")
    quiet = {
        "stdout": subprocess.DEVNULL,
        "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    }
    print(f"installing {' '.join(packages)}", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)  # type: ignore[call-overload]
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, check=True, **quiet)  # type: ignore[call-overload]


def check() -> None:
    """End the program with what is wrong with the machine."""
    if packages := missing():
        sys.exit(f"cluster: install {', '.join(packages)}, or run `cluster setup`")
    if os.geteuid() != 0:
        sys.exit("cluster: run as root, or start Docker to use kind")
    if len(f"{paths.SOCKET}.ttrpc") > _LONGEST_SOCKET:
        text = f"cluster: {paths.STATE} is too long for a socket's path: set CLUSTER_DIR"
        sys.exit(text)
