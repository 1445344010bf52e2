"""What the demo will install, how long that takes and how much disk: said before it starts."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from local_cluster import binaries, host, paths
from tools.demo import settings

MINUTES = {
    "kube-apiserver": 3.0, "kube-controller-manager": 1.2, "kube-scheduler": 0.3, "kubelet": 0.8,
    "kube-proxy": 0.3, "kubectl": 0.3, "pause": 0.1, "etcd": 0.7, "coredns": 1.0, "helm": 1.3,
    "minio": 3.0, "kind": 0.5,
}  # fmt: skip
"""To build a program on an idle machine of two cores, once its module is downloaded."""
_TRAINER_GB = {"boosting": 2.7, "neural": 7.5, "rl": 7.0}
_SPARE_GB = 3.0
"""An image on its way to the node is there once more, as a file."""


@dataclass(frozen=True)
class Need:
    """Something to install.

    Parameters
    ----------
    minutes
        On an idle machine of two cores with a good connection.
    place
        Folder whose disk it goes to.
    """

    what: str
    minutes: float
    gigabytes: float
    place: Path


def needs(provider: str) -> list[Need]:
    """Return what is missing on this machine, in the order in which it is installed."""
    found = []
    if not settings.PYTHON.exists():
        what = "Python packages of CLM, into .venv"
        found.append(Need(what, 1.5, 1.8, settings.REPOSITORY))
    if settings.DEMO_CONTEXT is not None:
        return found
    if provider == "local" and (packages := host.missing()):
        found.append(Need(f"Debian packages: {', '.join(packages)}", 1.0, 0.5, Path("/usr")))
    names = binaries.KIND if provider == "kind" else binaries.DEFAULT
    if absent := binaries.missing(names):
        minutes = sum(MINUTES[one.name] for one in absent)
        programs = ", ".join(one.name for one in absent)
        found.append(Need(f"Go programs: {programs}", minutes, 0.08 * len(absent), paths.CACHE))
        found.append(Need("what Go downloads and compiles for them", 1.0, 6.0, _go_cache()))
    trainers = sum(_TRAINER_GB[flavour] for flavour in settings.FLAVOURS)
    images = f"images of operator, MinIO and trainer ({', '.join(settings.FLAVOURS)})"
    # Kept where they are built, and once more where the node runs them.
    kept = not (paths.CACHE / "images").exists()
    minutes = (3.0 if kept else 1.0) + 2.0 * (len(settings.FLAVOURS) - 1)
    found.append(Need(f"{images}, built", minutes, (trainers + 1.0) * kept, paths.CACHE))
    if not paths.RUN.exists():
        found.append(Need(f"{images}, on the node", 1.0, trainers + 2.0, paths.STATE))
    return found


def _go_cache() -> Path:
    told = os.environ.get("GOCACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(told) if told else Path.home() / ".cache"


def spoken(found: list[Need]) -> list[str]:
    """Return the plan as lines for a terminal."""
    if not found:
        return ["Everything that the demo needs is there."]
    rows = [
        f"  {need.minutes:4.0f} min {need.gigabytes:5.1f} GB  {need.what}  →  {need.place}"
        for need in found
    ]
    minutes = sum(need.minutes for need in found) + settings.TRAIN_MINUTES
    total = (
        f"  {minutes:4.0f} min {sum(need.gigabytes for need in found):5.1f} GB  in all, with the "
        "training (idle machine of two cores; a second time 2 to 3 min)"
    )
    return ["The demo installs what is missing:", *rows, total]


def too_full(found: list[Need]) -> list[str]:
    """Return a sentence for each disk that has no room for what goes there."""
    wanted: dict[int, float] = {}
    places: dict[int, Path] = {}
    for need in found:
        place = _existing(need.place)
        disk = place.stat().st_dev
        wanted[disk] = wanted.get(disk, 0.0) + need.gigabytes
        places.setdefault(disk, place)
    said = []
    for disk, gigabytes in wanted.items():
        free = shutil.disk_usage(places[disk]).free / 1e9
        if free < gigabytes + _SPARE_GB:
            said.append(
                f"the disk of {places[disk]} has {free:.1f} GB free, and {gigabytes:.1f} GB go "
                "there: free some, or set CLM_CACHE (programs, images), GOCACHE and CLUSTER_DIR "
                "(the node) to folders on another disk"
            )
    return said


def _existing(path: Path) -> Path:
    return next(up for up in (path, *path.parents) if up.exists())
