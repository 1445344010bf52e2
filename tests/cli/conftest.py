from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fake_api import FakeApi, fake_api


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An API server that the kubeconfig names, with namespace ``trading``."""
    with fake_api() as fake:
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path / "kubeconfig")))
        yield fake
