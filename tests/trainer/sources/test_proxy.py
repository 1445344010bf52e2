"""A company's proxy, as the environment names it, stands before the exchange."""

from pathlib import Path

import pytest

from clm_api import environment
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import btc, run_data


def test_an_exchange_is_reached_through_the_proxy_of_the_environment(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = opened(btc())
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv(environment.EXCHANGE_URL, "http://exchange.invalid")
    _, report = fetch(run_data(30), Storage(str(tmp_path)))
    assert report.bars == 30 * 24
    assert len(proxy.asked) == report.requests
