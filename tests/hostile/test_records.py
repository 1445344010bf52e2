"""Records that were forged in the store, read by the trainer's own code: as if absent, and said."""

import json
import math
import time
from dataclasses import dataclass, replace
from operator import attrgetter

import pandas as pd
import pytest

from clm_api import layout
from clm_trainer.sources.bans import LONGEST_S, Bans
from clm_trainer.sources.lease import LEASE_S, Lease
from clm_trainer.sources.ledger import Ledger, Span, note, read_ledger
from clm_trainer.sources.records import MOST_BYTES
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.trainer.sources.conftest import Open, opened
from tests.trainer.sources.test_lease import Clock
from tests.trainer.sources.worlds import BTC, btc, last_days, run_data

__all__ = ["opened"]

NESTED = b"[" * 100_000
HUGE = b'{"until": 0, "holder": "x", "message": "' + b"x" * (5 * MOST_BYTES) + b'"}'
DIGITS = "9" * 400


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes


def record(name: str, **fields: object) -> Case:
    return Case(name, json.dumps(fields).encode())


NOW = 1_000_000
BANS = [
    record("a ban until 2096", until=3_976_214_400, message="for good"),
    record("a ban for ever", until=math.inf, message="for good"),
    record("a ban until no number", until=math.nan, message="for good"),
    record("a ban until a text", until="2096-01-01", message="for good"),
    record("a ban that is true", until=True, message="for good"),
    Case("a ban until a number of 400 digits", f'{{"until": {DIGITS}, "message": ""}}'.encode()),
    Case("a ban of brackets in brackets", NESTED),
    Case("a ban of five megabytes", HUGE),
    Case("a ban in half a letter", b'{"until": 1000060, "message": "\\ud800"}'),
    Case("a ban in no encoding", b"\xff\xfe\x00"),
    record("a ban with a list of words", until=NOW + 60, message=["for good"]),
]  # fmt: skip


@pytest.mark.parametrize("case", BANS, ids=attrgetter("name"))
def test_a_forged_ban_bans_nobody(
    bucket: Storage, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    venue, clock = case.name.replace(" ", "-"), Clock(NOW)
    bucket.put(layout.bans(venue), case.content)
    bans = Bans(bucket, venue, clock)
    bans.obey()
    assert "is no ban, and counts as absent" in caplog.text
    real = pd.Timestamp(NOW + 300, unit="s", tz="UTC")
    bans.record(ExchangeBannedError(real, "a real one"))
    with pytest.raises(ExchangeBannedError, match="a real one"):
        bans.obey()


def test_a_ban_that_can_be_says_no_more_than_2000_letters_and_ends_within_a_day(
    bucket: Storage,
) -> None:
    clock = Clock(NOW)
    words = json.dumps({"until": NOW + LONGEST_S, "message": "x" * 100_000})
    bucket.put(layout.bans("long"), words.encode())
    with pytest.raises(ExchangeBannedError) as caught:
        Bans(bucket, "long", clock).obey()
    assert len(caught.value.message) <= 2000
    clock.now += LONGEST_S
    Bans(bucket, "long", clock).obey()


FAR = ["2009-01-01T00:00:00Z", "2096-01-01T00:00:00Z"]
LEASES = [
    record("a lease without end", holder="x", until=math.inf),
    record("a lease until no number", holder="x", until=math.nan),
    record("a lease until a list", holder="x", until=[9e9]),
    Case("a lease until a number of 400 digits", f'{{"holder": "x", "until": {DIGITS}}}'.encode()),
    record("a lease of nobody", until=9e9),
    record("a lease of a map", holder={}, until=9e9),
    Case("a lease of brackets in brackets", NESTED),
    Case("a lease of five megabytes", HUGE),
    record("a lease asked for the year 300000", holder="x", until=0, asked=["300000-01-01", "x"]),
    record("a failure that ends runs for good", holder="x", until=0, asked=FAR,
           reason="SymbolUnknown", message="gone"),
    record("a failure that there is not", holder="x", until=0, asked=FAR, reason="Hacked",
           message="gone"),
    Case("a failure in half a letter", json.dumps({"holder": "x", "until": 0, "asked": FAR,
         "reason": "DataUnavailable", "message": "\ud800"}).encode()),
]  # fmt: skip


@pytest.mark.parametrize("case", LEASES, ids=attrgetter("name"))
def test_a_forged_lease_is_held_by_nobody(
    bucket: Storage, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = f"leases/{case.name.replace(' ', '-')}.json", Clock(NOW)
    bucket.put(path, case.content)
    lease = Lease(bucket, path, clock, clock.sleep)
    assert lease.acquire(last_days(3))
    assert clock.now == NOW, "it waited for nobody"
    assert "is no lease, and counts as absent" in caplog.text
    lease.release(last_days(3))


def test_a_lease_until_2096_is_waited_for_no_longer_than_a_term(bucket: Storage) -> None:
    clock = Clock(NOW)
    bucket.put("leases/2096.json", json.dumps({"holder": "x", "until": 3_976_214_400}).encode())
    assert Lease(bucket, "leases/2096.json", clock, clock.sleep).acquire(last_days(3))
    assert clock.now - NOW <= LEASE_S + 2


DAY = ["2025-11-01T00:00:00+00:00", "2025-11-02T00:00:00+00:00"]


def entry(name: str, **fields: object) -> Case:
    return record(name, **{"asked": [DAY], "market": {}} | fields)


LEDGERS = [
    entry("a ledger asked until 2096", asked=[[DAY[0], "2096-01-01T00:00:00+00:00"]]),
    entry("a ledger asked for numbers", asked=[[0, 9e18]]),
    entry("a ledger asked for three times", asked=[[*DAY, DAY[1]]]),
    entry("a ledger asked in no year", asked=[["999999-01-01", "x"]]),
    entry("a ledger of another symbol", market={"id": "ETHUSDT", "symbol": "ETH/USDT"}),
    entry("a ledger whose market is a list", market=[1]),
    entry("a revision without end", revised=[[DAY[0], "close", math.inf, 1.0]]),
    entry("a revision of a column that there can't be", revised=[[DAY[0], "x" * 5000, 1.0, 2.0]]),
    entry("a revision of a number of 400 digits", revised=[[DAY[0], "close", int(DIGITS), 2.0]]),
    entry("two thousand revisions", revised=[[DAY[0], "close", 1.0, 2.0]] * 2000),
    Case("a ledger of brackets in brackets", NESTED),
    Case("a ledger of five megabytes", HUGE),
]


@pytest.mark.parametrize("case", LEDGERS, ids=attrgetter("name"))
def test_a_forged_ledger_is_as_if_it_were_absent(
    bucket: Storage, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    place = replace(BTC.layout, venue=case.name.replace(" ", "-").replace("'", ""))
    bucket.put(place.ledger, case.content)
    assert read_ledger(bucket, place) == Ledger()
    assert "is no ledger, and counts as absent" in caplog.text
    span = Span(*map(pd.Timestamp, DAY))
    note(bucket, place, [span], {})
    assert read_ledger(bucket, place).asked == (span,)


SAYS_BTC = {"id": "BTCUSDT", "symbol": "BTC/USDT"}
MARKETS: list[tuple[str, dict[str, object]]] = [
    ("a market without a type", {}),
    ("a market whose base is a list", {"spot": True, "base": [1]}),
    ("a market whose limits are a number", {"spot": True, "limits": 7}),
    ("a market of no precision", {"spot": True, "precision": {"price": "x", "amount": []}}),
]


@pytest.mark.parametrize(("name", "fields"), MARKETS, ids=[name for name, _ in MARKETS])
def test_a_forged_market_keeps_nobody_from_the_bars(
    minio: MinioServer,
    bucket: Storage,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fields: dict[str, object],
) -> None:
    opened(btc())
    for variable, value in minio.environment().items():
        monkeypatch.setenv(variable, value)
    store = Storage(f"{bucket.url}/{name.replace(' ', '-')}")
    forged = {"asked": [], "market": SAYS_BTC | fields}
    store.put(BTC.layout.ledger, json.dumps(forged).encode())
    panel, report = fetch(run_data(9), store)
    assert (report.bars, panel.symbols) == (9 * 24, ("BTC/USDT",))


def test_reading_stops_where_no_record_goes_on(bucket: Storage) -> None:
    bucket.put("records/huge", b"x" * (20 * MOST_BYTES))
    began = time.monotonic()
    found = bucket.get("records/huge", MOST_BYTES)
    assert found is not None
    assert MOST_BYTES < len(found) < 20 * MOST_BYTES
    assert time.monotonic() - began < 30
