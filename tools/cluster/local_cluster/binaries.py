"""The Go programs, built once from pinned modules and cached by what they are made of."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_cluster import paths

KUBERNETES_VERSION = "v1.35.4"
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly"}


@dataclass(frozen=True)
class Module:
    """A Go module and the programs that are built in it.

    Parameters
    ----------
    name
        Names its folder in the cache.
    folder
        Folder of its go.mod, relative to this tool.
    packages
        Program -> Go package.
    """

    name: str
    folder: str
    packages: dict[str, str]

    @property
    def digest(self) -> str:
        """What the programs are made of: pins, flags, own sources."""
        folder = paths.HERE / self.folder
        sources = sorted(folder.glob("*.go")) + sorted((folder / "pause").glob("*.go"))
        inputs = [folder / "go.mod", folder / "go.sum", *sources]
        told = repr((flags(), self.packages, sorted(_ENVIRONMENT.items())))
        content = b"\0".join([told.encode(), *(path.read_bytes() for path in inputs)])
        return hashlib.sha256(content).hexdigest()[:12]

    @property
    def cached(self) -> Path:
        """Folder of the built programs; it exists only when all of them do."""
        return paths.CACHE / "bin" / f"{self.name}-{self.digest}"


def flags() -> str:
    """Return linker flags; without the version charts see v0.0.0-master."""
    major, minor = KUBERNETES_VERSION[1:].split(".")[:2]
    values = {
        "gitVersion": KUBERNETES_VERSION,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    told = " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in values.items())
    return f"-s -w {told}"


_KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
MODULES = (
    Module(
        "kubernetes",
        ".",
        {**{name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES}, "pause": "./pause"},
    ),
    Module("etcd", "tools/etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module("coredns", "tools/coredns", {"coredns": "."}),
    Module("helm", "tools/helm", {"helm": "helm.sh/helm/v3/cmd/helm"}),
    Module("minio", "tools/minio", {"minio": "github.com/minio/minio"}),
    Module(
        "versitygw",
        "tools/versitygw",
        {"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
    ),
    Module("kind", "tools/kind", {"kind": "sigs.k8s.io/kind"}),
    Module("kstatus", "tools/kstatus", {"kstatus": "."}),
    Module("cron", "tools/cron", {"cron-slots": "."}),
)
NODE = ("kubernetes", "etcd", "coredns")
CONTROL_PLANE = ("kubernetes", "etcd")
DEFAULT = (*NODE, "helm", "minio")


def modules(names: tuple[str, ...]) -> list[Module]:
    """Return modules by name; an unknown one ends the program."""
    known = {module.name: module for module in MODULES}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"cluster: no module {unknown[0]}; there are {', '.join(known)}")
    return [known[name] for name in names]


def folders() -> list[str]:
    """Return the folders of all programs for PATH."""
    return [str(module.cached) for module in MODULES]


def program(name: str) -> Path:
    """Return the path of a program, built or not."""
    for module in MODULES:
        if name in module.packages:
            return module.cached / name
    raise KeyError(name)


def build(names: tuple[str, ...]) -> None:
    """Build the modules that are missing; a second process waits for the first."""
    missing = [module for module in modules(names) if not module.cached.exists()]
    if not missing:
        return
    if shutil.which("go") is None:
        sys.exit("cluster: Go is missing: install Go 1.26 or later (https://go.dev/dl)")
    (paths.CACHE / "bin").mkdir(parents=True, exist_ok=True)
    with (paths.CACHE / "bin" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for module in missing:
            if not module.cached.exists():
                _build(module)


def _build(module: Module) -> None:
    """Build beside the target and rename: what is there is whole."""
    fresh = module.cached.with_name(f".{module.cached.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name, package in module.packages.items():
        print(f"building {name}", flush=True)
        command = ["go", "build", "-ldflags", flags(), "-o", str(fresh / name), package]
        folder = paths.HERE / module.folder
        if subprocess.run(
            command, cwd=folder, env=os.environ | _ENVIRONMENT, check=False
        ).returncode:
            sys.exit(f"cluster: {name} did not build: see above")
    fresh.rename(module.cached)
