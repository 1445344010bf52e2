"""The Go programs, built once from pinned modules and cached by what they are made of."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_cluster import paths
from local_cluster.alive import Said, clock, watched

KUBERNETES_VERSION = "v1.35.4"
KUEUE_VERSION = "v0.17.0"
OLDEST_GO = (1, 26)
_DOWNLOADS_ITSELF = (1, 21)
"""Since then Go fetches the version that a go.mod asks for."""
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly"}


@dataclass(frozen=True)
class Program:
    """One program: built for itself, and anew only when what it is made of changes.

    Parameters
    ----------
    folder
        Folder of its go.mod, relative to this tool.
    package
        The Go package.
    stamp
        Linker flags that tell it its version.
    """

    name: str
    folder: str
    package: str
    stamp: str

    @property
    def flags(self) -> str:
        """Linker flags."""
        return f"-s -w {self.stamp}".rstrip()

    @property
    def digest(self) -> str:
        """What it is made of: pins, flags, own sources."""
        folder = paths.HERE / self.folder
        own = folder / self.package if self.package.startswith(".") else None
        sources = [] if own is None else sorted(own.glob("*.go"))
        inputs = [folder / "go.mod", folder / "go.sum", *sources]
        told = repr((self.flags, self.package, sorted(_ENVIRONMENT.items())))
        content = b"\0".join([told.encode(), *(path.read_bytes() for path in inputs)])
        return hashlib.sha256(content).hexdigest()[:12]

    @property
    def cached(self) -> Path:
        """Its folder in the cache; it exists only when the program is whole."""
        return paths.CACHE / "bin" / f"{self.name}-{self.digest}"


@dataclass(frozen=True)
class Module:
    """A Go module and the programs that are built in it.

    Parameters
    ----------
    name
        What it is called on the command line.
    folder
        Folder of its go.mod, relative to this tool.
    packages
        Program -> Go package.
    stamp
        Linker flags that tell its programs their version: charts see Kubernetes v0.0.0-master
        without.
    """

    name: str
    folder: str
    packages: dict[str, str]
    stamp: str = ""

    @property
    def programs(self) -> tuple[Program, ...]:
        """Its programs, in the order in which they are built."""
        return tuple(
            Program(name, self.folder, package, self.stamp)
            for name, package in self.packages.items()
        )


def _kubernetes_stamp() -> str:
    major, minor = KUBERNETES_VERSION[1:].split(".")[:2]
    values = {
        "gitVersion": KUBERNETES_VERSION,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    return " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in values.items())


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
        stamp=_kubernetes_stamp(),
    ),
    Module("etcd", "tools/etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module("coredns", "tools/coredns", {"coredns": "."}),
    Module("helm", "tools/helm", {"helm": "helm.sh/helm/v3/cmd/helm"}, stamp=_kubernetes_stamp()),
    Module("minio", "tools/minio", {"minio": "github.com/minio/minio"}),
    Module(
        "versitygw",
        "tools/versitygw",
        {"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
    ),
    Module("nats", "tools/nats", {"nats-server": "github.com/nats-io/nats-server/v2"}),
    Module("kind", "tools/kind", {"kind": "sigs.k8s.io/kind"}),
    Module(
        "kueue",
        "tools/kueue",
        {"kueue": "sigs.k8s.io/kueue/cmd/kueue"},
        stamp=f"-X sigs.k8s.io/kueue/pkg/version.GitVersion={KUEUE_VERSION}",
    ),
    Module("kwok", "tools/kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    Module("kstatus", "tools/kstatus", {"kstatus": "."}),
    Module("cron", "tools/cron", {"cron-slots": "."}),
)
NODE = ("kubernetes", "etcd", "coredns")
CONTROL_PLANE = ("kubernetes", "etcd")
DEFAULT = (*NODE, "helm", "minio")
KIND = ("kind", "kubectl", "helm", "minio")
"""What is needed where Docker runs the node."""


def modules(names: tuple[str, ...]) -> list[Module]:
    """Return modules by name; an unknown one ends the program."""
    known = {module.name: module for module in MODULES}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"cluster: no module {unknown[0]}; there are {', '.join(known)}")
    return [known[name] for name in names]


def wanted(names: tuple[str, ...]) -> list[Program]:
    """Return all programs of modules, or single ones, by name; an unknown one ends the tool."""
    every = {one.name: one for module in MODULES for one in module.programs}
    whole = {module.name for module in MODULES}
    found: list[Program] = []
    for name in names:
        if name in every and name not in whole:
            found.append(every[name])
        else:
            found += modules((name,))[0].programs
    return found


def missing(names: tuple[str, ...]) -> list[Program]:
    """Return the programs that are not built yet."""
    return [one for one in wanted(names) if not one.cached.exists()]


def folders() -> list[str]:
    """Return the folders of all programs for PATH."""
    return [str(one.cached) for module in MODULES for one in module.programs]


def program(name: str) -> Path:
    """Return the path of a program, built or not."""
    for module in MODULES:
        for one in module.programs:
            if one.name == name:
                return one.cached / name
    raise KeyError(name)


def problem_with_go() -> str | None:
    """Return why nothing can be built, and what helps."""
    if shutil.which("go") is None:
        return "Go is missing: install Go 1.26 or later (https://go.dev/dl)"
    told = subprocess.run(
        ["go", "env", "GOVERSION", "GOTOOLCHAIN"], text=True, capture_output=True, check=False
    ).stdout.split()
    found = re.match(r"go(\d+)\.(\d+)", told[0]) if told else None
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version >= OLDEST_GO or (version >= _DOWNLOADS_ITSELF and told[1:] != ["local"]):
        return None
    said = told[0] if told else "go without a version"
    return f"{said} is too old: install Go 1.26 or later (https://go.dev/dl)"


def build(names: tuple[str, ...]) -> None:
    """Build the programs that are missing; a second process waits for the first."""
    absent = missing(names)
    if not absent:
        return
    if problem := problem_with_go():
        sys.exit(f"cluster: {problem}")
    (paths.CACHE / "bin").mkdir(parents=True, exist_ok=True)
    with (paths.CACHE / "bin" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for one in absent:
            if not one.cached.exists():
                _build(one)


def _build(one: Program) -> None:
    """Build beside the target and rename: what is there is whole."""
    fresh = one.cached.with_name(f".{one.cached.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    print(f"building {one.name}", flush=True)
    done = watched(
        ["go", "build", "-v", "-ldflags", one.flags, "-o", fresh / one.name, one.package],
        cwd=paths.HERE / one.folder,
        env=os.environ | _ENVIRONMENT,
        life=_compiled,
    )
    if done.code:
        sys.exit(f"cluster: {one.name} did not build:\n{done.words[-3000:]}")
    fresh.rename(one.cached)
    print(f"built {one.name} in {clock(done.seconds)}", flush=True)


def _compiled(said: Said) -> str:
    """Say how far a build is: ``go build -v`` names each package that it compiles."""
    if not said.count:
        return "nothing to compile, linking"
    return f"{said.count} packages fetched and compiled, now {said.last}"
