"""Months of bars that were forged in the store: a typed error that names them, or no harm."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources import fills
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.own_trades import TradesKey
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.trainer.sources.worlds import BTC, run_data

MONTH, ROWS = "2025-11", 48
START, STOP = (pd.Timestamp(text, tz="UTC") for text in ("2025-11-01", "2025-12-01"))
HOURS = pd.date_range(START, periods=ROWS, freq="1h").as_unit("us")


def bars(rows: int = ROWS) -> pd.DataFrame:
    times = pd.date_range(START, periods=rows, freq="1h").as_unit("us")
    return pd.DataFrame({"timestamp": times, "open": 100.0, "high": 101.0, "low": 99.0,
                         "close": 100.0, "volume": 1.0})  # fmt: skip


def stored(**columns: Any) -> bytes:
    """Return a month; None removes a column, a list of values replaces it."""
    table = pa.Table.from_pandas(bars(), preserve_index=False)
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = (
            table.drop([name]) if values is None
            else table.set_column(place, name, pa.array(values))
        )  # fmt: skip
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def times(first: str) -> pd.DatetimeIndex:
    return pd.date_range(first, periods=ROWS, freq="1h", tz="UTC").as_unit("us")


def ticks(value: int) -> pa.Array:
    return pa.array([value + n * 3_600_000_000 for n in range(ROWS)], pa.timestamp("us", "UTC"))


@dataclass(frozen=True)
class Case:
    name: str
    content: Callable[[], bytes]
    says: str


TORN = [
    Case("a month that is text", lambda: b"no parquet at all", "magic bytes not found"),
    Case("a month of nothing", lambda: b"", "0 bytes"),
    Case("a month cut in its middle", lambda: stored()[:900], "magic bytes not found"),
    Case("a month whose end points beyond it", lambda: b"PAR1" * 3, "smaller than"),
    Case("a month without a price", lambda: stored(close=None), "close does not exist"),
    Case("prices that are texts", lambda: stored(open=["dear"] * ROWS), "open holds string"),
    Case("prices that are lists", lambda: stored(high=[[1.0]] * ROWS), "high holds list"),
    Case("prices that are maps", lambda: stored(low=[{"a": 1}] * ROWS), "low holds struct"),
    Case("volumes that are days", lambda: stored(volume=pa.array([0] * ROWS, pa.date32())),
         "volume holds date32"),
    Case("volumes that are bytes", lambda: stored(volume=[b"1"] * ROWS), "volume holds binary"),
    Case("rows without a time", lambda: stored(timestamp=pa.array(
        [None, *HOURS[1:]], pa.timestamp("us", "UTC"))), "rows without a time"),
    Case("rows of another month", lambda: stored(timestamp=times("2025-10-01")),
         "times outside 2025-11"),
    Case("rows of the year 148000", lambda: stored(timestamp=ticks(2**62)),
         "times outside 2025-11"),
    Case("rows before all calendars", lambda: stored(timestamp=ticks(-(2**62))),
         "times outside 2025-11"),
    Case("times that are words", lambda: stored(timestamp=["noon"] * ROWS), "noon"),
]  # fmt: skip


@pytest.mark.parametrize("case", TORN, ids=attrgetter("name"))
def test_a_forged_month_is_named_wherever_it_is_read(bucket: Storage, case: Case) -> None:
    key = replace(BTC, venue="torn-" + case.name.replace(" ", "-"))
    path, cache = key.layout.month(MONTH), BarCache(bucket)
    bucket.put(path, case.content())
    uses: list[Callable[[], object]] = [
        lambda: cache.read(key, START, STOP),
        lambda: cache.newest(key, STOP),
        lambda: cache.write(key, bars(60), "test"),
    ]
    for use in uses:
        with pytest.raises(ClmError) as caught:
            use()
        assert caught.value.reason is Reason.DATA_INVALID
        assert path in caught.value.message
        assert case.says in caught.value.message


WRONG = [
    Case("prices that are no numbers", lambda: stored(open=[float("nan")] * ROWS), "no number"),
    Case("prices that are missing", lambda: stored(
        close=pa.array([None] * ROWS, pa.float64())), "no number"),
    Case("prices below 0", lambda: stored(low=[-1.0] * ROWS), "not above 0"),
    Case("prices without end", lambda: stored(high=[float("inf")] * ROWS), "no market has"),
    Case("volumes without end", lambda: stored(volume=[float("inf")] * ROWS), "no market has"),
    Case("volumes near the end of floats", lambda: stored(volume=[1e308] * ROWS), "no market has"),
    Case("a high below the low", lambda: stored(high=[1.0] * ROWS), "high below open or close"),
    Case("two bars of one time", lambda: stored(
        timestamp=[HOURS[0]] * ROWS, close=[99.5, *[100.0] * (ROWS - 1)]), "two different bars"),
    Case("bars beside the grid", lambda: stored(timestamp=HOURS + pd.Timedelta("7min")),
         "not on the 1h grid"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=attrgetter("name"))
def test_forged_rows_end_the_run_with_their_reason(bucket: Storage, case: Case) -> None:
    data = run_data(20, exchange="x" + str(WRONG.index(case)), refresh="Never")
    key = replace(BTC, venue=data.venue)
    data = data.having(to=STOP.to_pydatetime())
    bucket.put(key.layout.month(MONTH), case.content())
    with pytest.raises(ClmError) as caught:
        fetch(data, bucket)
    assert caught.value.reason is Reason.DATA_INVALID
    assert case.says in caught.value.message


def test_rows_in_disorder_are_read_in_order(bucket: Storage) -> None:
    key = replace(BTC, venue="disorder")
    bucket.put(key.layout.month(MONTH), stored(timestamp=HOURS[::-1]))
    cache = BarCache(bucket)
    read = key.cleaned(cache.read(key, START, STOP), "cache")
    assert list(read["timestamp"]) == list(HOURS)


@pytest.mark.parametrize("name", ["first", "9" * 5000, "\u0663"], ids=ascii)
def test_fills_with_ids_that_no_counting_exchange_gives_are_named(
    bucket: Storage, name: str
) -> None:
    key = TradesKey(f"fills-{len(name)}", "spot", "BTC/USDT", "account")
    rows = pd.DataFrame({"timestamp": HOURS[:1], "id": [name], "price": 1.0, "quantity": 1.0,
                         "side": 1.0})  # fmt: skip
    cache = BarCache(bucket)
    cache.write(key, rows, "test")
    with pytest.raises(ClmError, match="is no id of") as caught:
        fills._next_id(cache, key)
    assert caught.value.reason is Reason.DATA_INVALID
