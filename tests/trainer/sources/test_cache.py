"""The cache under two writers, under a killed one, and what it stores."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from clm_api import environment
from clm_trainer.sources.cache import BarCache, Written
from clm_trainer.sources.ledger import Ledger, Span, note, read_ledger, union
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fresh import start
from tests.support.minio_server import MinioServer
from tests.support.proxy import Proxy, Seen, Verdict
from tests.trainer.sources.children import (
    DAY,
    KEY,
    fetch_with_a_short_lease,
    made_up_bars,
    write_every_second_bar,
)
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import STOP, btc, last_days, run_data


def test_two_processes_lose_none_of_each_others_bars(shared: str) -> None:
    writers = [start(write_every_second_bar, shared, first, 20) for first in (0, 1)]
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    found = BarCache(Storage(shared)).read(KEY, DAY, STOP)
    pd.testing.assert_frame_equal(found, made_up_bars(0, 40))


def test_a_whole_month_is_never_written_again_and_never_contradicted(shared: str) -> None:
    store = Storage(shared)
    cache, path = BarCache(store), KEY.layout.month("2025-11")
    cache.write(KEY, made_up_bars(0, 100), "test")
    before = store.get_tagged(path)
    assert cache.write(KEY, made_up_bars(10, 20), "test") == Written(0, ())
    assert store.get_tagged(path) == before
    again = cache.write(KEY, made_up_bars(10, 20).assign(high=200.0), "test")
    assert again.months == 0
    assert [one.column for one in again.revisions] == ["high"] * 20
    assert store.get_tagged(path) == before


def test_months_are_small_sorted_and_split_by_byte(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    cache = BarCache(store)
    cache.write(KEY, made_up_bars(0, 600), "test")
    file = pq.ParquetFile(tmp_path / KEY.layout.month("2025-11"))
    columns = [file.metadata.row_group(0).column(i) for i in range(6)]
    assert {c.compression for c in columns} == {"LZ4"}
    assert "DELTA_BINARY_PACKED" in columns[0].encodings
    assert all("BYTE_STREAM_SPLIT" in c.encodings for c in columns[1:])
    assert cache.newest(KEY, DAY + pd.Timedelta("10h")) == DAY + pd.Timedelta("9h")
    assert cache.newest(KEY, DAY) is None


def test_a_month_of_a_release_before_is_read(tmp_path: Path) -> None:
    month = tmp_path / KEY.layout.month("2025-11")
    month.parent.mkdir(parents=True)
    made_up_bars(0, 600).to_parquet(month, compression="zstd", index=False)
    cache = BarCache(Storage(str(tmp_path)))
    pd.testing.assert_frame_equal(cache.read(KEY, DAY, STOP), made_up_bars(0, 600))
    assert cache.write(KEY, made_up_bars(600, 10), "test").months == 1
    pd.testing.assert_frame_equal(cache.read(KEY, DAY, STOP), made_up_bars(0, 610))


MARKET = {"id": "BTCUSDT", "symbol": "BTC/USDT"}
WRITES = 6
"""Lease, three months, ledger, the lease's end."""


@pytest.mark.parametrize("arrives", [False, True], ids=["before it arrives", "after it arrived"])
def test_a_run_killed_at_any_write_leaves_a_cache_that_the_next_one_completes(
    opened: Open,
    minio: MinioServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    arrives: bool,
) -> None:
    fake = opened(btc())
    undisturbed = Storage(str(tmp_path))
    wanted = fetch(run_data(40), undisturbed)[1].sha256
    killed, data = [], run_data(40).model_dump_json(by_alias=True)
    for at in range(1, WRITES + 1):
        bucket = minio.make_bucket(f"killed-{'after' if arrives else 'before'}-{at}")
        victims: list[object] = []
        writes: list[str] = []

        def judge(seen: Seen, at: int, victims: list, writes: list) -> Verdict:  # type: ignore[type-arg]
            writes += [seen.path] if seen.method == "PUT" else []
            if len(writes) != at or seen.method != "PUT":
                return Verdict.PASS
            if not arrives:
                victims[0].kill()
                return Verdict.REFUSE
            return Verdict.SWALLOW

        def after(_: Seen, victims: list) -> None:  # type: ignore[type-arg]
            victims[0].kill()

        proxy = Proxy(
            minio.endpoint,
            judge=partial(judge, at=at, victims=victims, writes=writes),
            after=partial(after, victims=victims),
        )
        variables = minio.environment(proxy.url) | {environment.EXCHANGE_URL: fake.url}
        victims.append(start(fetch_with_a_short_lease, bucket, data, **variables))
        victims[0].join(60)  # type: ignore[attr-defined]
        killed.append(victims[0].exitcode)  # type: ignore[attr-defined]
        proxy.stop()
        for name, value in minio.environment().items():
            monkeypatch.setenv(name, value)
        store = Storage(bucket)
        fetch(run_data(40), store)
        _, report = fetch(run_data(40), store)
        assert (report.sha256, report.requests) == (wanted, 0), f"write {at}"
        found = BarCache(store).read(KEY, *_edges())
        pd.testing.assert_frame_equal(found, BarCache(undisturbed).read(KEY, *_edges()))
    assert killed == [-9] * WRITES


def _edges() -> tuple[pd.Timestamp, pd.Timestamp]:
    span = last_days(40)
    return span.start, span.stop


def _hours(*edges: int) -> tuple[Span, ...]:
    times = [DAY + pd.Timedelta(edge, "h") for edge in edges]
    return tuple(Span(a, b) for a, b in zip(times[::2], times[1::2], strict=True))


@pytest.mark.parametrize(
    ("asked", "span", "left"),
    [
        ((), (0, 9), (0, 9)),
        ((0, 9), (0, 9), ()),
        ((2, 4), (0, 9), (0, 2, 4, 9)),
        ((0, 5, 7, 9), (3, 8), (5, 7)),
        ((20, 30), (0, 9), (0, 9)),
        ((-9, 3), (0, 9), (3, 9)),
    ],
    ids=["nothing asked", "all asked", "the middle", "between two", "later", "across the start"],
)
def test_what_is_left_to_ask(
    asked: tuple[int, ...], span: tuple[int, int], left: tuple[int, ...]
) -> None:
    assert Ledger(_hours(*asked)).left(_hours(*span)[0]) == list(_hours(*left))


def test_what_was_asked_adds_up(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    for hours in ((0, 4), (8, 9), (3, 8), (20, 30)):
        note(store, KEY.layout, _hours(*hours), MARKET)
    ledger = read_ledger(store, KEY.layout)
    assert ledger == Ledger(_hours(0, 9, 20, 30), MARKET)
    assert union(_hours(5, 5)) == ()
    assert replace(ledger, asked=()).left(_hours(1, 2)[0]) == list(_hours(1, 2))


SPAN = '["2025-11-01T00:00:00+00:00", "2025-11-02T00:00:00+00:00"]'
FORGED_LEDGERS = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing in it": b"{}",
    "asked is no list": b'{"asked": 7, "market": {}}',
    "asked until a time that is to come": (
        b'{"asked": [["2025-11-01T00:00:00+00:00", "2096-01-01T00:00:00+00:00"]], "market": {}}'
    ),
    "times without a zone": b'{"asked": [["2025-11-01", "2025-11-02"]], "market": {}}',
    "times that are numbers": b'{"asked": [[1, 2]], "market": {}}',
    "another symbol's market": (
        f'{{"asked": [{SPAN}], "market": {{"id": "E", "symbol": "ETH/USDT"}}}}'.encode()
    ),
    "a market that is text": f'{{"asked": [{SPAN}], "market": "x"}}'.encode(),
    "a revision of nothing": f'{{"asked": [{SPAN}], "market": {{}}, "revised": [[1]]}}'.encode(),
    "deeper than anybody reads": b"[" * 200_000,
    "more than anybody writes": b'{"asked": [], "market": {}, "x": "' + b"x" * (1 << 20) + b'"}',
}


@pytest.mark.parametrize("content", FORGED_LEDGERS.values(), ids=FORGED_LEDGERS)
def test_a_ledger_that_cant_be_true_is_as_if_it_were_absent_and_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Storage(str(tmp_path))
    store.put(KEY.layout.ledger, content)
    assert read_ledger(store, KEY.layout) == Ledger()
    assert f"{KEY.layout.ledger} is no ledger, and counts as absent" in caplog.text
    note(store, KEY.layout, _hours(0, 9), MARKET)
    assert read_ledger(store, KEY.layout) == Ledger(_hours(0, 9), MARKET)
