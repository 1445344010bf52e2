"""A run on perpetuals with everything from the exchange: bars, funding, symbols, shorts."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from clm_api import environment
from clm_trainer.storage import Storage
from tests.support.fake_exchange import FakeExchange, Listing, real_bars
from tests.trainer.pipeline.perpetuals import perpetual_run, synthetic_funding
from tests.trainer.pipeline.runs import content_of, manifest_of, run_here
from tests.trainer.pipeline.sheets import NOW


@pytest.fixture(scope="module")
def perpetuals() -> list[Listing]:
    """Real spot bars stand in for the perpetuals' own; their funding is synthetic."""
    return [
        Listing(base, real_bars(base), market="usdm", funding=synthetic_funding(seed))
        for seed, base in enumerate(("BTC", "ETH"))
    ]


@pytest.fixture
def exchange(perpetuals: list[Listing], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    with FakeExchange(perpetuals, NOW).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        yield fake


def test_bars_funding_symbols_and_shorts_come_from_the_exchange(
    exchange: FakeExchange, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, spec = Storage(str(tmp_path)), perpetual_run(data={"refresh": "Auto"})
    with caplog.at_level(logging.INFO):
        run_here(store, spec)
    assert {one.api for one in exchange.asked} == {"fapi"}
    manifest = manifest_of(store)
    assert [one.symbol for one in manifest.data.symbols] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert {(one.bars, one.missing) for one in manifest.data.symbols} == {(260 * 24, 0)}
    assert "binance's clock is" in manifest.data.notes[0]
    page = content_of(store, "report.html").decode()
    assert f"{len(exchange.asked)} requests." in page
    assert "clock is" in page
    trades = pd.read_parquet(io.BytesIO(content_of(store, "trades.parquet")))
    assert set(trades["side"]) == {1, -1}
    assert trades["funding"].abs().sum() > 0
    _funding_is_what_was_paid(store, exchange.listings)


def _funding_is_what_was_paid(store: Storage, listings: list[Listing]) -> None:
    charged = pd.read_parquet(io.BytesIO(content_of(store, "funding.parquet")))
    for listing in listings:
        of = charged[charged["symbol"] == listing.symbol]
        assert listing.funding is not None
        paid = listing.funding.assign(time=listing.funding["timestamp"].dt.round("min"))
        first, last = pd.Timestamp(NOW) - pd.Timedelta("30D"), pd.Timestamp(NOW)
        paid = paid[paid["time"].between(first, last, inclusive="left")]
        assert of["time"].tolist() == paid["time"].tolist()
        assert of["funding_rate"].tolist() == pytest.approx(paid["funding_rate"].tolist(), abs=1e-8)
