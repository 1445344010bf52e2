"""Funding from files: what is understood, what is refused and why, and what importing changes."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.importer import Imported, import_funding
from clm_trainer.storage import Storage

KEY = FundingKey("binance", "usdm", "BTC/USDT:USDT")
NOW = pd.Timestamp("2025-12-02 06:00", tz="UTC")
FIRST, SECOND = pd.Timestamp("2025-01-31 16:00", tz="UTC"), pd.Timestamp("2025-02-01", tz="UTC")
GOOD = f"timestamp,funding_rate,mark_price\n{FIRST},0.0001,100\n{SECOND},-0.0002,101\n"
Change = Callable[[str], str]


def imported(store: Storage, path: Path) -> Imported:
    return import_funding(path, KEY, BarCache(store), now=NOW)


def stored(store: Storage) -> pd.DataFrame:
    return BarCache(store).read(KEY, FIRST - pd.Timedelta("40D"), NOW)


def swap(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new)


@dataclass(frozen=True)
class Understood:
    name: str
    change: Change
    rates: tuple[float, ...] = (0.0001, -0.0002)
    marks: tuple[float, ...] = (100, 101)


NAN = float("nan")
UNDERSTOOD = [
    Understood("as it should be", swap("", "")),
    Understood("no mark prices", lambda _: f"timestamp,funding_rate\n{FIRST},0.0001\n{SECOND},"
               "-0.0002\n", marks=(NAN, NAN)),
    Understood("some mark prices are empty", swap(",101", ","), marks=(100, NAN)),
    Understood("columns in another order, and others beside them",
               lambda _: f"symbol,mark_price,funding_rate,timestamp\nB,100,0.0001,{FIRST}\n"
               f"B,101,-0.0002,{SECOND}\n"),
    Understood("newest first", lambda text: "\n".join(
        [text.splitlines()[0], *reversed(text.splitlines()[1:])])),
    Understood("milliseconds since 1970, some of them late by a few",
               lambda _: "timestamp,funding_rate,mark_price\n1738339200003,0.0001,100\n"
               "1738367999998,-0.0002,101\n"),
    Understood("times without a zone are UTC", swap("+00:00", "")),
    Understood("another zone", swap("2025-02-01 00:00:00+00:00", "2025-02-01 01:00:00+01:00")),
    Understood("an event twice", lambda text: text + f"{SECOND},-0.0002,101\n"),
    Understood("an event twice within a minute", lambda text: text + "2025-02-01 00:00:00.012Z,"
               "-0.0002,101\n"),
    Understood("an event twice, once without its mark price",
               lambda text: text + f"{SECOND},-0.0002,\n"),
    Understood("a rate of 0", swap("-0.0002", "0"), rates=(0.0001, 0)),
    Understood("the largest rate", swap("-0.0002", "-0.1"), rates=(0.0001, -0.1)),
]  # fmt: skip


@pytest.mark.parametrize("case", UNDERSTOOD, ids=attrgetter("name"))
def test_what_is_understood(case: Understood, tmp_path: Path) -> None:
    path, store = tmp_path / "funding.csv", Storage(str(tmp_path / "store"))
    path.write_text(case.change(GOOD))
    done = imported(store, path)
    unmarked = int(np.isnan(case.marks).sum())
    assert done == Imported(2, FIRST, SECOND, unmarked, 2, "")
    found = stored(store)
    assert found["timestamp"].tolist() == [FIRST, SECOND]
    np.testing.assert_array_equal(found["funding_rate"], case.rates)
    np.testing.assert_array_equal(found["mark_price"], case.marks)
    assert store.list("bars") == [
        f"bars/v1/binance/usdm/BTC-USDT_USDT/funding/2025-{month}.parquet" for month in ("01", "02")
    ]
    assert imported(store, path).months_written == 0, "importing twice changes nothing"


@dataclass(frozen=True)
class Refused:
    name: str
    change: Change
    said: str


REFUSED = [
    Refused("a rate that is empty", swap("-0.0002", ""),
            f"funding_rate nan of {SECOND} is not a finite number; 1 such row(s) in all"),
    Refused("an infinite rate", swap("-0.0002", "-inf"), f"funding_rate -inf of {SECOND}"),
    Refused("a rate in per cent", swap("-0.0002", "-0.11"),
            f"funding_rate -0.11 of {SECOND} is beyond 0.1: write it as a fraction"),
    Refused("a rate that is no number", swap("-0.0002", "n/a!"), "a rate or price is not a number"),
    Refused("a mark price of 0", swap(",101", ",0"),
            f"mark_price 0.0 of {SECOND} is not a positive number: leave it empty"),
    Refused("a negative mark price", swap(",101", ",-101"), f"mark_price -101.0 of {SECOND}"),
    Refused("an infinite mark price", swap(",101", ",inf"), f"mark_price inf of {SECOND}"),
    Refused("two rates at once", lambda text: text + f"{SECOND},-0.0003,101\n",
            f"two different events for {SECOND} of {KEY}: funding_rate -0.0002 and -0.0003"),
    Refused("two rates within a minute", lambda text: text + "2025-02-01 00:00:29Z,0.0003,101\n",
            f"two different events for {SECOND} of {KEY}: funding_rate -0.0002 and 0.0003"),
    Refused("two mark prices at once", lambda text: text + f"{SECOND},-0.0002,102\n",
            f"two different events for {SECOND} of {KEY}: mark_price 101.0 and 102.0"),
    Refused("no rates", swap("funding_rate", "rate"),
            "column funding_rate is missing; needed: timestamp, funding_rate"),
    Refused("no times", swap("timestamp", "when"), "column timestamp is missing"),
    Refused("no rows", lambda text: text.splitlines()[0] + "\n", "has no rows"),
    Refused("a time that is empty", swap(str(SECOND), ""), "timestamp of row 1 is empty"),
    Refused("a number as time that is empty",
            lambda _: "timestamp,funding_rate\n1738339200000,0.0001\n,0.0001\n",
            "timestamp of row 1 is empty"),
    Refused("a time that is a word", swap(str(SECOND), "soon"), "timestamp can't be read"),
    Refused("a day that may be a month", swap(str(SECOND), "02/01/2025"), "can't be read"),
    Refused("seconds and milliseconds",
            lambda _: "timestamp,funding_rate\n1738339200000,0.0001\n1738368000,0.0001\n",
            "timestamp mixes units"),
    Refused("what is only forecast", swap(str(SECOND), "2025-12-02 08:00Z"), "can't be true"),
    Refused("before there were coins", swap(str(FIRST), "2001-01-01 00:00Z"), "can't be true"),
    Refused("an empty file", lambda _: "", "can't be read"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=attrgetter("name"))
def test_what_is_refused_names_file_row_and_reason(case: Refused, tmp_path: Path) -> None:
    path, store = tmp_path / "funding.csv", Storage(str(tmp_path / "store"))
    path.write_text(case.change(GOOD))
    with pytest.raises(ClmError) as caught:
        imported(store, path)
    assert (caught.value.reason, caught.value.exit_code) == ("DataInvalid", 65)
    assert caught.value.message.startswith(f"{path}: ")
    assert case.said in caught.value.message
    assert store.list("bars") == [], "nothing of a refused file is stored"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "funding.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(ClmError, match=r"use \.parquet, \.csv, \.feather or Binance's \.zip"):
        imported(Storage(str(tmp_path / "store")), path)


def written(folder: Path, *rows: tuple[pd.Timestamp, float, float]) -> Path:
    path = folder / "funding.parquet"
    names = ["timestamp", "funding_rate", "mark_price"]
    pd.DataFrame(rows, columns=names).to_parquet(path)
    return path


def test_stored_events_are_added_to_and_never_contradicted(tmp_path: Path) -> None:
    store = Storage(str(tmp_path / "store"))
    imported(store, written(tmp_path, (SECOND, 0.0001, NAN)))
    later = SECOND + pd.Timedelta("4h")
    assert imported(store, written(tmp_path, (later, 0.0002, 101))).months_written == 1
    revised = imported(store, written(tmp_path, (SECOND, 0.0003, 100))).revised
    assert "funding_rate of 1 by up to 200 %" in revised
    assert "0.0001 stored, 0.0003 found" in revised
    assert stored(store)["funding_rate"].tolist() == [0.0001, 0.0002]
    assert stored(store)["mark_price"].tolist() == [100, 101], "it was not known before"


def test_a_mark_price_that_was_not_known_may_follow(tmp_path: Path) -> None:
    store = Storage(str(tmp_path / "store"))
    imported(store, written(tmp_path, (SECOND, 0.0001, NAN)))
    assert imported(store, written(tmp_path, (SECOND, 0.0001, 100))).months_written == 1
    assert imported(store, written(tmp_path, (SECOND, 0.0001, NAN))).months_written == 0
    assert stored(store)["mark_price"].tolist() == [100]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(hours=st.lists(st.integers(0, 24 * 90), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_parts_in_any_order_make_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    rows = [(FIRST + pd.Timedelta(h, "h"), (h % 7 - 3) / 1e4, 100.0 + h) for h in hours]
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    whole, parts = Storage(str(folder / "whole")), Storage(str(folder / "parts"))
    imported(whole, written(folder, *rows))
    for i in shuffled:
        imported(parts, written(folder, rows[int(i)]))
    assert parts.list("bars") == whole.list("bars")
    for path in whole.list("bars"):
        assert parts.get(path) == whole.get(path)
