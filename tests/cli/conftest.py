import itertools
from pathlib import Path

import pytest

from tests.cli.namespace import Namespace
from tests.support.control_plane import ControlPlane

_NUMBERS = itertools.count(1)


@pytest.fixture
def api(defined: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A namespace of the test's own on the real API server; the kubeconfig names it."""
    namespace = Namespace.make(defined, f"cli-{next(_NUMBERS)}")
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig(tmp_path / "kubeconfig")))
    return namespace
