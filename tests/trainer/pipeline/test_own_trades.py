"""Own trades: read with a key that nobody sees, paged by id, and turned into measured slippage."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stamina

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.run import RunSpec
from clm_trainer.sources.own_trades import Keys
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.own_trades import OwnTrades, own_trades
from clm_trainer.storage import Storage
from tests.support.fake_exchange import FakeExchange, Fill, Listing, real_bars
from tests.support.fake_exchange.faults import answer
from tests.support.fake_exchange.server import API_KEY, SECRET
from tests.trainer.pipeline.runs import LAYOUT, Pod, content_of, manifest_of, small_run
from tests.trainer.pipeline.sheets import NOW

BARS = real_bars("BTC")
OWN = {"ownTrades": True, "secretRef": {"name": "exchange-key"}, "refresh": "Auto"}


def made_up_fills(count: int, bps: float, *, first_id: int = 1000) -> list[Fill]:
    """Fills in the last days' bars, all of them so much worse than the open; the dear ones more."""
    frame = BARS["1h"].iloc[-count // 4 - 1 :]
    fills = []
    for i in range(count):
        bar = frame.iloc[i // 4]
        buyer, large = bool(i % 2), i % 4 < 2
        paid = bps * (1.5 if large else 0.5)
        price = bar["open"] * (1 + (1 if buyer else -1) * paid / 1e4)
        time = int(bar["timestamp"].timestamp() * 1000) + 1000 * (i % 4)
        fills.append(Fill(first_id + i, time, price, (2.0 if large else 1.0), buyer))
    return fills


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Secret as the pod sees it."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "apiKey").write_text(f"{API_KEY}\n")
    (folder / "secret").write_text(SECRET)
    monkeypatch.setenv(environment.EXCHANGE_KEYS, str(folder))
    return folder


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    with FakeExchange([Listing("BTC", BARS)], NOW).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        stamina.set_testing(True, attempts=3, cap=True)
        yield fake
        stamina.set_testing(False)


def own_run(slippage: str = "FromOwnTrades", **data: Any) -> RunSpec:
    return small_run(data={**OWN, "symbols": ["BTC/USDT"], **data}, costs={"slippage": slippage})


def read(store: Storage, spec: RunSpec) -> OwnTrades:
    panel, _ = fetch(spec.data, store)
    found = own_trades(spec, panel, store)
    assert found is not None
    return found


MEASURED = 4 * (1.5 * 2 + 0.5 * 1) / 3
"""4 bp, half of the fills twice as large and three times as dear as the others."""


@dataclass(frozen=True)
class Measured:
    """So many own fills that paid so many bp, and what is charged for it."""

    name: str
    fills: int
    paid_bps: float
    charged_bps: float
    said: str
    slippage: str = "FromOwnTrades"


@pytest.mark.parametrize(
    "case",
    [
        Measured("enough", 40, 4, MEASURED, "40 own fills paid 4.67 bp of slippage: 4.67 bp"),
        Measured("just enough", 30, 4, MEASURED, "30 own fills paid"),
        Measured("too few", 29, 4, 3, "fewer than 30: slippage is not measured, 3 bp charged"),
        Measured("none", 0, 4, 3, "0 own fills, fewer than 30"),
        Measured("better than the open", 40, -4, 0, "paid -4.67 bp of slippage: 0.00 bp charged"),
        Measured("only looked at", 40, 4, 3, "spec.costs.slippage is Fixed: 3 bp charged", "Fixed"),
    ],
    ids=attrgetter("name"),
)
def test_slippage_is_measured_against_the_bars_open(
    exchange: FakeExchange, keys: Path, tmp_path: Path, case: Measured
) -> None:
    exchange.listings[0].fills = made_up_fills(case.fills, case.paid_bps)
    spec = own_run(case.slippage)
    found = read(Storage(str(tmp_path / "store")), spec)
    assert len(found.fills) == case.fills
    assert found.charged_bps == pytest.approx(case.charged_bps, abs=0.2)
    assert case.said.replace("4.67", f"{MEASURED:.2f}") in found.note
    assert found.charged(spec).costs.slippage_bps == found.charged_bps
    assert found.charged(spec).costs.fee_bps == spec.costs.fee_bps


def test_pages_go_by_id_and_only_new_fills_are_asked_for(
    exchange: FakeExchange, keys: Path, tmp_path: Path
) -> None:
    fills, store = made_up_fills(2400, 4), Storage(str(tmp_path / "store"))
    exchange.listings[0].fills = fills[:2300]
    assert len(read(store, own_run()).fills) == 2300
    pages = [int(one.query["fromId"]) for one in exchange.of("myTrades")]
    assert pages == [0, 2000, 3000]
    exchange.asked.clear()
    exchange.listings[0].fills = fills
    assert len(read(store, own_run()).fills) == 2400
    assert [int(one.query["fromId"]) for one in exchange.of("myTrades")] == [3300]
    stored = [path for path in store.list("bars") if "/trades-" in path]
    assert stored
    assert not any(API_KEY in path for path in stored)
    exchange.asked.clear()
    assert len(read(store, own_run(refresh="Never")).fills) == 2400
    assert exchange.asked == []


def test_perpetuals_have_fills_too(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perpetual = Listing("BTC", BARS, market="usdm", fills=made_up_fills(40, 4))
    with FakeExchange([perpetual], NOW).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        found = read(Storage(str(tmp_path / "store")), own_run(market="usdm"))
        assert len(fake.of("userTrades")) == 1
    assert found.measured_bps == pytest.approx(MEASURED, abs=0.01)
    assert set(found.fills["side"]) == {1, -1}


@pytest.mark.parametrize("lacks", ["apiKey", "secret", "both", "the right secret", "rights"])
def test_a_key_that_is_missing_or_refused_ends_the_run(
    exchange: FakeExchange, keys: Path, tmp_path: Path, lacks: str
) -> None:
    if lacks == "the right secret":
        (keys / "secret").write_text("wrong")
    elif lacks == "rights":
        exchange.faults.append(answer("myTrades", 401))
    else:
        for name in ("apiKey", "secret") if lacks == "both" else (lacks,):
            (keys / name).write_text("") if lacks == "secret" else (keys / name).unlink()
    with pytest.raises(ClmError) as caught:
        read(Storage(str(tmp_path / "store")), own_run())
    assert (caught.value.reason, caught.value.exit_code) == ("ExchangeDenied", 68)
    assert "spec.data.secretRef" in caught.value.message


def test_stored_fills_do_while_the_exchange_is_away(
    exchange: FakeExchange, keys: Path, tmp_path: Path
) -> None:
    exchange.listings[0].fills = made_up_fills(40, 4)
    store = Storage(str(tmp_path / "store"))
    read(store, own_run())
    exchange.faults.append(answer("myTrades", 503))
    found = read(store, own_run())
    assert "went on with stored own trades" in found.note
    assert len(found.fills) == 40


def _all_bytes(folder: Path) -> bytes:
    """Return everything in a store, parquet files as their values."""
    parts = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        parts += [str(path).encode(), path.read_bytes()]
        if path.suffix == ".parquet":
            parts.append(pd.read_parquet(path).to_csv().encode())
    return b"\n".join(parts)


@pytest.mark.parametrize("refused", [False, True], ids=["a good run", "a refused key"])
def test_the_key_is_in_no_log_object_artifact_or_report(
    exchange: FakeExchange, keys: Path, tmp_path: Path, *, refused: bool
) -> None:
    exchange.listings[0].fills = made_up_fills(40, 4)
    if refused:
        exchange.faults.append(answer("myTrades", 401))
    store = Storage(str(tmp_path / "store"))
    extra = {environment.EXCHANGE_URL: exchange.url, environment.EXCHANGE_KEYS: str(keys)}
    code, lines = Pod(store.url, tmp_path, spec=own_run(), extra=extra).run()
    assert code == (68 if refused else 0), lines
    seen = json.dumps(lines).encode() + _all_bytes(tmp_path / "store")
    if refused:
        seen += (tmp_path / "termination-log").read_bytes()
    for canary in (API_KEY, SECRET):
        assert canary.encode() not in seen
    assert API_KEY not in repr(Keys(API_KEY, SECRET))
    assert exchange.of("myTrades")
    if refused:
        return
    told = json.loads(content_of(store, "run.json"))
    assert told["ownTrades"]["fills"] == 40
    assert told["spec"]["costs"]["slippageBps"] == told["ownTrades"]["measuredBps"]
    kept = pd.read_parquet(io.BytesIO(content_of(store, "own_trades.parquet")))
    assert len(kept) == 40
    assert np.isfinite(kept["slippage_bps"]).all()
    assert told["ownTrades"]["note"] in manifest_of(store, LAYOUT).data.notes
    assert "40 own fills paid" in content_of(store, "report.html").decode()
