"""A run whose features read a column of the market and an own series, from its bars to a bot's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.monitoring.contenders import market_of
from clm_trainer.serving.model import ServedModel, load
from clm_trainer.serving.newest import newest_bars
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.sources.own_series import OwnSeries
from clm_trainer.sources.series_import import import_series
from clm_trainer.storage import Storage
from tests.support.own_packages import lay, on_the_path
from tests.trainer.pipeline.runs import (
    LAYOUT,
    SYMBOLS,
    content_of,
    import_bars,
    manifest_of,
    run_here,
    small_run,
)

PACKAGE = {
    "quantdesk/__init__.py": "",
    "quantdesk/beside.py": """
        import numpy as np
        from pydantic import BaseModel

        from clm_trainer.own.door import Offer


        class Nothing(BaseModel):
            pass


        class Beside:
            names = observed = ("taken", "mood")
            warm_up_bars = 720
            columns = ("takerBuyVolume", "mood.score")

            def begin(self, symbols, timeframe):
                return self

            def resume(self, symbols, timeframe, saved):
                return self

            def advance(self, bars):
                taken = bars.extra["takerBuyVolume"] / bars.volume
                return np.stack([taken, bars.extra["mood.score"]], axis=2)

            def save(self):
                return {}


        offer = Offer(Nothing, lambda params, run: Beside())
        """,
}
ENTRY = "[clm.features]\nquantdesk.beside = quantdesk.beside:offer\n"
DATA = {
    "columns": ["takerBuyVolume"],
    "series": [{"name": "mood", "columns": ["score"], "maxAge": "3d"}],
}
LATER = pd.Timedelta("10D")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = tmp_path_factory.mktemp("site")
    lay(site, PACKAGE, ENTRY, record=True)
    with on_the_path(site):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, package: None) -> Storage:
    """A store with bars, taker volumes and a mood, and a run that was made of them."""
    folder = tmp_path_factory.mktemp("beside")
    found = Storage(str(folder / "store"))
    import_bars(found, folder)
    fill(found, folder)
    spec = small_run(data=DATA, model={"features": {"set": "quantdesk.beside"}})
    data = spec.data.having(from_=spec.data.from_ - LATER, to=spec.data.to - LATER)
    run_here(found, spec.having(data=data))
    return found


def fill(store: Storage, folder: Path) -> None:
    rng, cache = np.random.default_rng(8), BarCache(store)
    first, last = pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp("2026-02-01", tz="UTC")
    for symbol in SYMBOLS:
        bars = cache.read(BarKey("binance", "spot", symbol, "1h"), first, last)
        share = rng.uniform(0.3, 0.7, len(bars))
        rows = {"taker_buy_volume": bars["volume"] * share, "trade_count": 10.0}
        flow = pd.DataFrame({"timestamp": bars["timestamp"], **rows})
        cache.write(ColumnKey("binance", "spot", symbol, "flow-1h"), flow, "made-up")
    days = pd.date_range("2025-03-01", "2025-12-30", freq="D", tz="UTC")
    mood = pd.DataFrame({"timestamp": days, "available_at": days + pd.Timedelta("26h")})
    mood["score"] = rng.normal(size=len(days))
    path = folder / "mood.csv"
    mood.to_csv(path, index=False)
    import_series(path, OwnSeries(store, "mood"), now=last)


@pytest.fixture
def model(store: Storage) -> ServedModel:
    return load(store.address(LAYOUT.manifest))


def test_the_manifest_and_the_report_say_how_good_each_column_is(store: Storage) -> None:
    sources = {one.name: one for one in manifest_of(store).data.sources}
    assert list(sources) == ["takerBuyVolume BTC/USDT", "takerBuyVolume ETH/USDT", "mood.score"]
    assert sources["mood.score"].oldest_seconds == 23 * 3600
    assert sources["mood.score"].rows > 250
    assert [one.missing for one in sources.values()] == [0, 0, 0]
    page = content_of(store, "report.html").decode()
    assert "mood.score: " in page
    assert "takerBuyVolume ETH/USDT: " in page


def test_a_bot_s_frames_with_the_same_columns_give_what_the_store_gives(
    store: Storage, model: ServedModel
) -> None:
    panel = newest_bars(model, store, model.trained_until + LATER)
    assert list(panel.extra) == ["takerBuyVolume", "mood.score"]
    decided = model.decide(panel)
    given = model.position(frames_of(model, store))
    assert given == dict(zip(panel.symbols, decided.targets[-1].tolist(), strict=True))
    assert np.isfinite(decided.percentiles).all()
    assert len(np.unique(decided.percentiles)) > 10


def frames_of(model: ServedModel, store: Storage) -> dict[str, pd.DataFrame]:
    panel = newest_bars(model, store, model.trained_until + LATER)
    prices = ("open", "high", "low", "close", "volume")
    return {
        symbol: pd.DataFrame(
            {"timestamp": panel.times}
            | {name: getattr(panel, name)[:, i] for name in prices}
            | {name: values[:, i] for name, values in panel.extra.items()}
        )
        for i, symbol in enumerate(panel.symbols)
    }


@pytest.mark.parametrize("name", ["takerBuyVolume", "mood.score"])
def test_a_bot_that_leaves_a_column_out_is_told_which(
    store: Storage, model: ServedModel, name: str
) -> None:
    frames = frames_of(model, store)
    frames["ETH/USDT"] = frames["ETH/USDT"].drop(columns=name)
    with pytest.raises(ClmError, match=f"the bars of ETH/USDT have no column {name}"):
        model.position(frames)


def test_a_replay_reads_them_from_the_store_and_versions_with_others_their_own(
    store: Storage, model: ServedModel
) -> None:
    data = model.spec.data.having(series=[])
    bare = ServedModel(
        spec=model.spec.having(data=data),
        data_from=model.data_from,
        trained_until=model.trained_until,
        fitted=model.fitted,
        ranks=model.ranks,
    )
    now = model.trained_until + LATER
    market = market_of({"whole": model, "bare": bare}, store, now)
    assert list(market.panels["whole"].extra) == ["takerBuyVolume", "mood.score"]
    assert list(market.panels["bare"].extra) == ["takerBuyVolume"]
