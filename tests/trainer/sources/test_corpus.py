"""Every broken input ends in its reason, leaves the cache as it was, and is in the manual."""

from operator import attrgetter
from pathlib import Path

import pandas as pd
import pytest

from clm_api.data_spec import Refresh
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.importer import import_file
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import Listing, real_bars
from tests.support.repository import ROOT
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.corpus.files import FILES, GOOD, FileCase
from tests.trainer.sources.corpus.rows import GOES_ON, Made, table
from tests.trainer.sources.corpus.servers import SERVERS, ServerCase
from tests.trainer.sources.worlds import BTC, STOP, last_days, run_data

DAYS = 20


def _objects(store: Storage) -> dict[str, bytes | None]:
    return {path: store.get(path) for path in store.list("bars")}


@pytest.mark.parametrize("case", FILES, ids=attrgetter("name"))
def test_a_file(case: FileCase, tmp_path: Path) -> None:
    store, good = Storage(str(tmp_path / "store")), tmp_path / "good.csv"
    good.write_text("\n".join(GOOD.splitlines()[:2]))
    import_file(good, BTC, BarCache(store), now=STOP)
    before = _objects(store)
    made = _imported(case, store, tmp_path)
    assert (made.outcome, case.said in made.message) == (case.outcome, True), made.message
    if made.outcome != GOES_ON:
        assert _objects(store) == before, "nothing of a refused file is stored"
        return
    good.write_text(GOOD)
    lacks = {"a hole": 1}.get(case.name, 0)
    assert import_file(good, BTC, BarCache(store), now=STOP).months_written == lacks


def _imported(case: FileCase, store: Storage, folder: Path) -> Made:
    try:
        import_file(case.make(folder), BTC, BarCache(store), now=STOP)
    except ClmError as error:
        return Made(error.reason, error.message)
    return Made(GOES_ON, case.said)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the right bars."""
    store = Storage(str(tmp_path_factory.mktemp("undisturbed")))
    span = last_days(DAYS)
    frame = real_bars("BTC")["1h"]
    frame = frame[frame["timestamp"].between(span.start, span.stop, inclusive="left")]
    BarCache(store).write(BTC, BTC.cleaned(frame, "test"), "test")
    never = run_data(DAYS).having(refresh=Refresh.NEVER)
    return fetch(never, store)[1].sha256


def _met(case: ServerCase, store: Storage) -> Made:
    try:
        _, report = fetch(run_data(DAYS, **case.data), store)
    except ClmError as error:
        return Made(error.reason, error.message)
    assert report.missing == case.missing
    return Made(GOES_ON, case.said)


@pytest.mark.parametrize("case", SERVERS, ids=attrgetter("name"))
def test_an_exchange(case: ServerCase, opened: Open, tmp_path: Path, undisturbed: str) -> None:
    world = {"status": "TRADING", **case.world}
    listing = Listing("BTC", real_bars("BTC"), status=world.pop("status"))
    fake, store = opened(listing, faults=case.faults(), **world), Storage(str(tmp_path))
    made = _met(case, store)
    assert (made.outcome, case.said in made.message) == (case.outcome, True), made.message
    if case.missing and made.outcome == GOES_ON:
        return
    banned = store.get("bans/binance.json") is not None
    assert banned == (case.outcome is Reason.EXCHANGE_BANNED)
    (tmp_path / "bans" / "binance.json").unlink(missing_ok=True)
    fake.faults.clear()
    listing.status, fake.now, fake.most_rows = "TRADING", STOP.to_pydatetime(), 1000
    _, report = fetch(run_data(DAYS), store)
    assert report.sha256 == undisturbed, "the next run gets the right bars"


def test_there_are_at_least_forty_broken_inputs() -> None:
    outcomes = [case.outcome for case in FILES] + [case.outcome for case in SERVERS]
    assert sum(outcome != GOES_ON for outcome in outcomes) >= 40
    assert len({c.name for c in FILES}) == len(FILES)
    assert len({c.name for c in SERVERS}) == len(SERVERS)


def test_the_manual_has_the_table() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    assert table(FILES) in page
    assert table(SERVERS) in page


def test_a_hole_that_is_filled_later_is_filled(tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    frame = real_bars("BTC")["1h"].iloc[-100:]
    cache = BarCache(store)
    cache.write(BTC, frame.drop(frame.index[50]), "test")
    cache.write(BTC, frame, "test")
    pd.testing.assert_frame_equal(
        cache.read(BTC, STOP - pd.Timedelta("100h"), STOP), frame.reset_index(drop=True),
        check_dtype=False,
    )  # fmt: skip
