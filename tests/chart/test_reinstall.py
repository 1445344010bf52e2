"""Definitions outlive their release: real Helm on an API server of its own."""

import re
from collections.abc import Iterator

import pytest

from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.api]
NAME = "modelversions.clm.dev"
VALUES = (
    "minio.enabled=true", 'networkPolicy={"enabled":true}',
    'operator={"podDisruptionBudget":{"enabled":true}}',
)  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server without CLM's kinds."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("bare") / "p")
    yield plane
    plane.stop()


def _helm(plane: ControlPlane, verb: str, name: str, *words: str, check: bool = True) -> str:
    settings = [word for value in VALUES for word in ("--set-json", value)]
    command = (verb, name, str(ROOT / "charts" / "clm"), "-n", name, *settings, *words)
    return chart.helm(plane.kubeconfig, *command, check=check)


def _owner(plane: ControlPlane) -> str:
    path = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}"
    return plane.kubectl("get", "crd", NAME, "-o", path)


def test_a_release_under_another_name_finds_the_definitions(bare: ControlPlane) -> None:
    _helm(bare, "install", "first", "--create-namespace")
    assert _owner(bare) == "first"
    chart.helm(bare.kubeconfig, "uninstall", "first", "-n", "first")
    _helm(bare, "install", "second", "--create-namespace")
    assert _owner(bare) == "first", "definitions of this version are left alone"
    _helm(bare, "install", "third", "--create-namespace")
    chart.helm(bare.kubeconfig, "uninstall", "third", "-n", "third")

    bare.kubectl("label", "crd", NAME, "app.kubernetes.io/version=0.0.1", "--overwrite")
    said = _helm(bare, "upgrade", "second", check=False)
    assert f'{NAME} is there already, of release "first/first" and version 0.0.1' in said
    _helm(bare, "upgrade", "second", "--take-ownership", "--set", "crds.takeOver=true")
    assert _owner(bare) == "second"
    _helm(bare, "upgrade", "second")
    chart.helm(bare.kubeconfig, "uninstall", "second", "-n", "second")
    assert _owner(bare) == "second", "kept"


def test_an_upgrade_that_has_runs_read_other_bars_says_so(bare: ControlPlane) -> None:
    other = ("--set", "watchNamespaces={bars,other}")
    steps: tuple[tuple[str, ...], ...] = (
        ("install", "--create-namespace"), ("upgrade", *other), ("upgrade", *other), ("upgrade",),
    )  # fmt: skip
    said = [_helm(bare, verb, "bars", *words) for verb, *words in steps]
    changes = [re.findall(r"sharing was (\w+) and is (\w+) now", notes) for notes in said]
    assert changes == [[], [("Cluster", "Namespace")], [], [("Namespace", "Cluster")]]
    assert "--set objectStore.sharing=Cluster stays with the old ones" in said[1]
    chart.helm(bare.kubeconfig, "uninstall", "bars", "-n", "bars")
