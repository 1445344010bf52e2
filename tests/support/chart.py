"""The chart as Helm renders it."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local_cluster import binaries
from tests.support.repository import ROOT

Raw = dict[str, Any]


@cache
def render(namespace: str, *values: str, release: str = "clm") -> tuple[Raw, ...]:
    """Return all objects of a release with ``key=value`` settings."""
    result = template(namespace, *values, release=release)
    assert result.returncode == 0, result.stderr
    return tuple(d for d in yaml.safe_load_all(result.stdout) if d)


def template(
    namespace: str, *values: str, release: str = "clm"
) -> subprocess.CompletedProcess[str]:
    """Run ``helm template``; it may fail."""
    binaries.build(("helm",))
    words = [word for value in values for word in ("--set-json", value)]
    return subprocess.run(
        [str(binaries.program("helm")), "template", release, str(ROOT / "charts" / "clm"),
         "-n", namespace, "--kube-version", "1.35.0", *words],
        text=True, capture_output=True, check=False,
    )  # fmt: skip


def helm(kubeconfig: Path, *words: str, check: bool = True) -> str:
    """Run Helm against an API server; return what it says, errors included."""
    binaries.build(("helm",))
    result = subprocess.run(
        [str(binaries.program("helm")), "--kubeconfig", str(kubeconfig), *words],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert not check or result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def of_kind(objects: tuple[Raw, ...], *kinds: str) -> list[Raw]:
    """Return the objects of some kinds."""
    return [o for o in objects if o["kind"] in kinds]
