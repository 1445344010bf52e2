"""Shared by all tests: nothing inherits the developer's cluster, store or colours."""

import pytest

_FOREIGN = ("KUBECONFIG", "FORCE_COLOR", "CLM_RUN_SPEC", "CLM_STORE_URL", "CLM_EXCHANGE_URL")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)
