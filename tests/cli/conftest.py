import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.namespace import Namespace
from tests.support.control_plane import ControlPlane
from tests.support.proxy import Proxy

_NUMBERS = itertools.count(1)


@pytest.fixture
def api(defined: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A namespace of the test's own on the real API server; the kubeconfig names it."""
    namespace = Namespace.make(defined, f"cli-{next(_NUMBERS)}")
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig(tmp_path / "kubeconfig")))
    return namespace


@pytest.fixture
def proxy(api: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What a command reaches the API server through, with an account of few rights."""
    proxy = Proxy(api.plane.server, str(api.plane.authority.folder / "ca.crt"))
    path = api.account_kubeconfig(tmp_path / "of-a-person", proxy.url)
    monkeypatch.setenv("KUBECONFIG", str(path))
    yield proxy
    proxy.stop()
