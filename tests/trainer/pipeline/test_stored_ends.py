"""Runs that may not ask the exchange end where the oldest symbol ends, and say so."""

from pathlib import Path

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.stored import unequal_ends
from clm_trainer.storage import Storage
from tests.support.fake_exchange import real_bars
from tests.trainer.pipeline.sheets import run_spec

NEVER = run_spec(data={"lookbackDays": 200}, evaluation={"periodDays": 20}).data
TIMES = [pd.Timestamp(text, tz="UTC") for text in ("2025-12-02 05:00", "2025-11-29 05:00")]


def test_equal_ends_are_no_news() -> None:
    assert unequal_ends({"A/B": TIMES[0], "C/D": TIMES[0]}) == ()


def test_the_symbols_that_end_first_are_named() -> None:
    (note,) = unequal_ends({"A/B": TIMES[0], "C/D": TIMES[1], "E/F": TIMES[1]})
    assert "the stored bars of C/D, E/F end at 2025-11-29 05:00" in note
    assert "others reach 2025-12-02 05:00" in note
    assert "remove it from spec.data.symbols" in note


def test_a_run_says_which_symbol_holds_the_others_back(tmp_path: Path) -> None:
    cache = BarCache(Storage(str(tmp_path)))
    for symbol, end in zip(NEVER.symbols, TIMES, strict=True):
        frame = real_bars(symbol[:3])["1h"]
        key = BarKey("binance", "spot", symbol, "1h")
        cache.write(key, key.cleaned(frame[frame["timestamp"] <= end], "test"), "test")
    panel, report = fetch(NEVER, Storage(str(tmp_path)))
    assert panel.times[-1] == TIMES[1]
    assert report.notes == unequal_ends(dict(zip(NEVER.symbols, TIMES, strict=True)))
    assert list(report.for_manifest().notes) == list(report.notes)


def test_no_stored_bars_at_all(tmp_path: Path) -> None:
    with pytest.raises(ClmError, match=r"no stored bars of .*BTC/USDT .*clm data import FILE"):
        fetch(NEVER, Storage(str(tmp_path)))
