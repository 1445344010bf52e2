"""Own series from files: what is stored, what importing again changes, what is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.own_series import OwnSeries
from clm_trainer.sources.series_import import ImportedSeries, import_series
from clm_trainer.storage import Storage

NOW = pd.Timestamp("2025-12-02 06:00", tz="UTC")
HEAD = "timestamp,available_at,score,buzz\n"
ROWS = (
    "2025-01-01,2025-01-02 00:10,0.5,10\n"
    "2025-01-02,2025-01-03 00:10,0.25,\n"
    "2025-01-01,2025-02-03 00:10,0.75,11\n"
)


def imported(folder: Path, text: str, store: str = "", name: str = "mood") -> ImportedSeries:
    path = folder / "mood.csv"
    path.write_text(text)
    series = OwnSeries(Storage(store or str(folder / "store")), name)
    return import_series(path, series, now=NOW)


def stored(store: str, symbol: str = "") -> pd.DataFrame:
    series = OwnSeries(Storage(store), "mood")
    header = series.header()
    assert header is not None
    return series.read(header, symbol)


def test_a_row_lies_in_the_month_in_which_it_became_known(shared: str, tmp_path: Path) -> None:
    done = imported(tmp_path, HEAD + ROWS, shared)
    assert (done.rows, done.new, done.corrections, done.ahead) == (3, 3, 1, 0)
    assert Storage(shared).list("series/v1") == [
        "series/v1/mood/all/2025-01.parquet",
        "series/v1/mood/all/2025-02.parquet",
        "series/v1/mood/series.json",
    ]
    frame = stored(shared)
    assert frame["score"].tolist() == [0.5, 0.25, 0.75]
    assert frame["available_at"].tolist() == [
        pd.Timestamp(time, tz="UTC")
        for time in ("2025-01-02 00:10", "2025-01-03 00:10", "2025-02-03 00:10")
    ]
    assert frame["buzz"].isna().tolist() == [False, True, False]


def test_importing_again_changes_nothing_and_new_rows_join_the_old(
    shared: str, tmp_path: Path
) -> None:
    imported(tmp_path, HEAD + ROWS, shared)
    before = [Storage(shared).get(path) for path in Storage(shared).list("series/v1")]
    assert imported(tmp_path, HEAD + ROWS, shared).new == 0
    assert [Storage(shared).get(path) for path in Storage(shared).list("series/v1")] == before
    more = imported(tmp_path, HEAD + "2025-01-03,2025-01-04 00:10,1,2\n" + ROWS, shared)
    assert (more.rows, more.new) == (4, 1)
    assert stored(shared)["score"].tolist() == [0.5, 0.25, 1, 0.75]


def test_each_symbol_has_rows_of_its_own_and_a_perpetual_those_of_its_pair(tmp_path: Path) -> None:
    rows = "2025-01-01,2025-01-02,BTC/USDT:USDT,1\n2025-01-01,2025-01-02,ETH/USDT,2\n"
    imported(tmp_path, "timestamp,available_at,symbol,score\n" + rows)
    store = str(tmp_path / "store")
    assert [stored(store, pair)["score"].tolist() for pair in ("BTC/USDT", "ETH/USDT")] == [
        [1], [2],
    ]  # fmt: skip
    assert stored(store, "SOL/USDT").empty


def test_times_are_read_as_those_of_bars_are_and_parquet_too(tmp_path: Path) -> None:
    zone = imported(tmp_path, "timestamp,available_at,x\n2025-01-01 02:00+02:00,1735776000000,1\n")
    assert zone.first == pd.Timestamp("2025-01-01", tz="UTC")
    frame = stored(str(tmp_path / "store"))
    assert frame["available_at"].tolist() == [pd.Timestamp("2025-01-02", tz="UTC")]
    path = tmp_path / "mood.parquet"
    frame.to_parquet(path)
    again = import_series(path, OwnSeries(Storage(str(tmp_path / "store")), "mood"), now=NOW)
    assert again.new == 0


def test_a_forecast_is_known_before_its_time(tmp_path: Path) -> None:
    done = imported(tmp_path, "timestamp,available_at,x\n2030-01-01,2025-01-01,1\n")
    assert (done.ahead, str(done.last)) == (1, "2030-01-01 00:00:00+00:00")


def test_files_that_come_at_once_lose_no_row_of_each_other(shared: str, tmp_path: Path) -> None:
    def one(day: int) -> None:
        folder = tmp_path / str(day)
        folder.mkdir()
        imported(folder, f"{HEAD}2025-01-{day:02},2025-01-{day:02} 12:00,{day},0\n", shared)

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(one, range(1, 9)))
    assert stored(shared)["score"].tolist() == list(range(1, 9))


REFUSED = {
    "no time at which it was available": (
        "timestamp,score\n2025-01-01,1\n", "column available_at is missing",
    ),
    "an empty time at which it was available": (
        HEAD + "2025-01-01,2025-01-02,1,2\n2025-01-02,,1,2\n", "available_at of row 1 is empty",
    ),
    "available in the future": (
        HEAD + "2025-01-01,2025-12-03,1,2\n", ("available_at of row 0 (2025-12-03 00:00:00+00:00) "
        "is to come: nobody can know the value yet"),
    ),
    "a time that is a word": (HEAD + "x,2025-01-02,1,2\n", "timestamp can't be read"),
    "an availability that is a word": (HEAD + "2025-01-02,x,1,2\n", "available_at can't be read"),
    "a time before 1970": (HEAD + "1969-01-01,2025-01-02,1,2\n", "timestamp of row 0"),
    "a word among numbers": (
        HEAD + "2025-01-01,2025-01-02,1,2\n2025-01-02,2025-01-03,high,2\n",
        'score of row 1 is no number but "high"',
    ),
    "an infinite number": (
        HEAD + "2025-01-01,2025-01-02,1,inf\n", "buzz of row 0 (inf) is no finite number",
    ),
    "no numbers": ("timestamp,available_at\n2025-01-01,2025-01-02\n", "has 0 columns of numbers"),
    "a name that no schedule can write": (
        "timestamp,available_at,my score\n2025-01-01,2025-01-02,1\n",
        'column "my score" is no name of letters, digits and _',
    ),
    "a symbol that is none": (
        "timestamp,available_at,symbol,x\n2025-01-01,2025-01-02,BTC,1\n", "symbol of row 0 (BTC)",
    ),
    "an empty symbol": (
        "timestamp,available_at,symbol,x\n2025-01-01,2025-01-02,,1\n", "symbol of row 0 (nan)",
    ),
    "two different rows of one time that were available at once": (
        HEAD + "2025-01-01,2025-01-02,1,2\n2025-01-01,2025-01-02,3,2\n",
        "two different rows for 2025-01-01 00:00:00+00:00, available at 2025-01-02 00:00:00+00:00",
    ),
    "no rows": (HEAD, "has no rows"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_can_t_be_true_is_refused_and_nothing_of_it_is_stored(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ClmError) as refused:
        imported(tmp_path, text)
    assert refused.value.reason is Reason.DATA_INVALID
    assert said in refused.value.message
    assert "mood.csv" in refused.value.message
    assert Storage(str(tmp_path / "store")).list("series") == []


AGAINST_STORED = {
    "another number for a row that is stored": (
        HEAD + "2025-02-01,2025-02-02,5,5\n2025-01-01,2025-01-02 00:10,9,10\n",
        (
            "against what is stored: two different rows for 2025-01-01 00:00:00+00:00, "
            "available at 2025-01-02 00:10:00+00:00: score is 0.5 and 9.0"
        ),
    ),
    "other columns": (
        "timestamp,available_at,score\n2025-02-01,2025-02-02,5\n",
        "series mood has columns score, buzz, and the file has score",
    ),
    "symbols in a series without": (
        "timestamp,available_at,symbol,score,buzz\n2025-02-01,2025-02-02,BTC/USDT,5,1\n",
        "series mood has no column symbol, and the file has one",
    ),
}


@pytest.mark.parametrize(("text", "said"), AGAINST_STORED.values(), ids=AGAINST_STORED)
def test_a_file_that_contradicts_what_is_stored_is_refused_whole(
    text: str, said: str, tmp_path: Path
) -> None:
    imported(tmp_path, HEAD + ROWS)
    store = str(tmp_path / "store")
    before = stored(store)
    with pytest.raises(ClmError) as refused:
        imported(tmp_path, text)
    assert said in refused.value.message
    pd.testing.assert_frame_equal(stored(store), before)


@pytest.mark.parametrize(
    "path", ["series/v1/mood/series.json", "series/v1/mood/all/2025-01.parquet"]
)
def test_a_torn_object_is_named_with_what_to_do(path: str, tmp_path: Path) -> None:
    imported(tmp_path, HEAD + ROWS)
    store = Storage(str(tmp_path / "store"))
    store.put(path, b"torn")
    with pytest.raises(ClmError, match="can't be read") as refused:
        stored(store.url)
    assert path in refused.value.message
