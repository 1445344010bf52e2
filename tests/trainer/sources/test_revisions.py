"""What is stored stands: a bar that is corrected later is counted and said, and stops no run."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from clm_api.data_spec import Refresh
from clm_api.errors import ClmError
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.sources.ledger import KEPT_REVISIONS, note_revisions, read_ledger
from clm_trainer.sources.report import DataReport
from clm_trainer.sources.revisions import Revision, described, first_word, together
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, real_bars
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import BTC, HOUR, STOP, perpetual, run_data

BAR = STOP - 18 * 24 * HOUR
"""A bar near the beginning of a run of 20 days."""


def revised(bars: pd.DataFrame, **columns: float) -> pd.DataFrame:
    """The exchange's or an archive's other word on one bar: factors by column."""
    changed = bars.copy()
    for name, factor in columns.items():
        changed.loc[changed["timestamp"] == BAR, name] *= factor
    return changed


def bars() -> pd.DataFrame:
    frame = real_bars("BTC")["1h"]
    return frame[frame["timestamp"] < STOP].reset_index(drop=True)


def archive_of(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "bars.parquet"
    frame[frame["timestamp"] >= STOP - 25 * 24 * HOUR].to_parquet(path)
    return path


def exchange_corrects(store: Storage, exchange: Listing, _: Path, **columns: float) -> None:
    data = run_data(20)
    fetch(data.having(to=data.to - HOUR), store)
    exchange.bars = {"1h": revised(bars(), **columns)}


def file_says_something_else(store: Storage, _: Listing, folder: Path, **columns: float) -> None:
    fetch(run_data(20), store)
    path = archive_of(revised(bars(), **columns), folder)
    done = import_file(path, BTC, BarCache(store), now=STOP)
    assert done.revised.startswith("binance spot BTC/USDT 1h: 1 stored row differs")


def exchange_says_something_else_than_a_file(
    store: Storage, exchange: Listing, folder: Path, **columns: float
) -> None:
    frame = bars()
    some = frame[frame["timestamp"].between(STOP - 19 * 24 * HOUR, STOP - 4 * HOUR)]
    import_file(archive_of(some, folder), BTC, BarCache(store), now=STOP)
    exchange.bars = {"1h": revised(frame, **columns)}


Way = Callable[..., None]
WAYS: list[Way] = [
    exchange_corrects,
    file_says_something_else,
    exchange_says_something_else_than_a_file,
]


def _name(way: Way) -> str:
    return str(getattr(way, "__name__", "")).replace("_", " ")


def only(report: DataReport) -> tuple[Revision, ...]:
    return report.symbols[0].revisions


@pytest.fixture
def wanted(tmp_path: Path) -> str:
    """Digest of the bars as they were first."""
    store = Storage(str(tmp_path / "wanted"))
    BarCache(store).write(BTC, BTC.cleaned(bars(), "test"), "test")
    return fetch(run_data(30).having(refresh=Refresh.NEVER), store)[1].sha256


@pytest.mark.parametrize("way", WAYS, ids=_name)
def test_the_stored_bar_stands_and_the_difference_is_said(
    way: Way, opened: Open, tmp_path: Path, wanted: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, listing = Storage(str(tmp_path / "store")), Listing("BTC", {"1h": bars()})
    opened(listing)
    way(store, listing, tmp_path, volume=0.997, high=1.01)
    for _ in range(2):
        caplog.clear()
        _, report = fetch(run_data(30), store)
        assert report.sha256 == wanted
        assert [(one.time, one.column) for one in only(report)] == [(BAR, "high"), (BAR, "volume")]
        (note,) = [line for line in report.notes if "differ" in line]
        assert "high of 1 by up to 1 %" in note
        assert "volume of 1 by up to 0.3 %" in note
        assert note in caplog.messages
        data = report.for_manifest()
        assert note in data.notes
        assert data.symbols[0].revised == 1
        assert [one.column for one in data.symbols[0].revisions] == ["high", "volume"]


@pytest.mark.parametrize("way", WAYS, ids=_name)
def test_a_run_that_wants_to_fail_does_so_until_it_keeps(
    way: Way, opened: Open, tmp_path: Path, wanted: str
) -> None:
    store, listing = Storage(str(tmp_path / "store")), Listing("BTC", {"1h": bars()})
    opened(listing)
    way(store, listing, tmp_path, volume=0.997)
    for _ in range(2):
        with pytest.raises(ClmError, match=r"volume of 1 .*onRevision is Fail") as caught:
            fetch(run_data(30, onRevision="Fail"), store)
        assert caught.value.reason == "DataInvalid"
    assert fetch(run_data(30), store)[1].sha256 == wanted
    later = fetch(run_data(17, onRevision="Fail"), store)[1]
    assert only(later) == (), "it is not in this run's range"


def test_two_roundings_of_one_number_are_no_revision(opened: Open, tmp_path: Path) -> None:
    store, listing = Storage(str(tmp_path)), Listing("BTC", {"1h": bars()})
    opened(listing)
    exchange_corrects(store, listing, tmp_path, volume=1 + 1e-11)
    assert only(fetch(run_data(30, onRevision="Fail"), store)[1]) == ()


def test_funding_that_is_revised_stands_as_well(opened: Open, tmp_path: Path) -> None:
    store, listing = Storage(str(tmp_path)), perpetual()
    opened(listing)
    data = run_data(20, market="usdm")
    fetch(data, store, funding=True)
    assert listing.funding is not None
    listing.funding = listing.funding.assign(funding_rate=lambda f: f["funding_rate"] * 2)
    paths = [path for path in store.list("bars") if path.endswith("funding/ledger.json")]
    store.remove(paths)
    _, report = fetch(data, store, funding=True)
    (note,) = [line for line in report.notes if "differ" in line]
    events = len(only(report))
    assert events >= 60
    assert note.startswith(f"binance usdm BTC/USDT:USDT funding: {events} stored rows differ")
    assert f"funding_rate of {events} by up to 100 %" in note
    assert {one.column for one in only(report)} == {"funding_rate"}
    assert all(one.found == pytest.approx(2 * one.stored, rel=0.01) for one in only(report))


def test_what_the_first_row_does_not_know_is_taken_from_the_next() -> None:
    times = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-01", "2025-01-01"], utc=True)
    frame = pd.DataFrame(
        {"timestamp": times, "rate": [1.0, 2.0, 1.5, 1.0], "mark": [None, 7.0, 5.0, 6.0]}
    )
    contradicted: list[Revision] = []
    once = first_word(frame, "timestamp", contradicted)
    assert once["rate"].tolist() == [1.0, 2.0]
    assert once["mark"].tolist() == [5.0, 7.0]
    assert contradicted == [Revision(times[0], "rate", 1.0, 1.5), Revision(times[0], "mark", 5, 6)]


def made(hours: range, stored: float = 2.0) -> list[Revision]:
    return [Revision(BAR + hour * HOUR, "volume", stored, 1.0) for hour in hours]


def test_the_ledger_keeps_the_newest_and_survives_what_is_asked_later(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    note_revisions(store, BTC.layout, made(range(KEPT_REVISIONS)))
    note_revisions(store, BTC.layout, made(range(5, KEPT_REVISIONS + 5)))
    kept = read_ledger(store, BTC.layout).revised
    assert kept == tuple(made(range(5, KEPT_REVISIONS + 5)))
    assert together(kept, made(range(5, 6), stored=3.0))[0].stored == 3.0


def test_a_volume_that_was_0_is_said_without_a_share() -> None:
    text = described(made(range(1), stored=0.0), "X")
    assert "volume of 1 from 0" in text
    assert "0 stored, 1 found" in text
