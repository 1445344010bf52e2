"""What CLM needs of a store, held against every store that docs/install.md calls proved."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.layout import production_pointer
from clm_api.production import ProductionPointer
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import check_store, ensure_bucket
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import open_store
from clm_operator.store.runs import RunStore, Tombstone
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.lease import Lease
from clm_trainer.sources.ledger import Span
from clm_trainer.storage import Storage
from tests.operator.units import builders as b
from tests.support.store_server import StoreServer

PATH = "runs/ns/btc/uid/manifest.json"
STORES = ["minio", "versity"]
RACERS = 6


@pytest.fixture(scope="module", params=STORES)
def server(request: pytest.FixtureRequest) -> StoreServer:
    """A real store."""
    found: StoreServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def settings(
    server: StoreServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> StoreSettings:
    """The operator's settings for a bucket that is not there yet."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    name = request.function.__name__.removeprefix("test_").replace("_", "-")[:60].strip("-")
    values = {"url": f"s3://{name}/some/prefix", "endpoint": server.endpoint, "secretName": "keys"}
    return StoreSettings.model_validate(values)


@pytest.fixture
def store(settings: StoreSettings) -> Storage:
    """A bucket as a run uses it."""
    ensure_bucket(settings)
    return Storage(settings.url, patience_s=5)


def test_objects_are_written_read_listed_and_removed(store: Storage) -> None:
    assert store.get(PATH) is None
    for content in (b"", b"one", b"x" * (6 << 20)):
        store.put(PATH, content)
        assert store.get(PATH) == content
    store.put("runs/ns/btc/uid-2/manifest.json", b"two")
    assert store.list("runs/ns/btc/uid") == [PATH]
    store.remove([PATH, "runs/never"])
    assert store.list("runs") == ["runs/ns/btc/uid-2/manifest.json"]


def test_an_object_is_created_once(store: Storage) -> None:
    assert store.create(PATH, b"one")
    assert store.create(PATH, b"one"), "a lost answer is no false alarm"
    assert not store.create(PATH, b"two")
    assert store.get(PATH) == b"one"


def test_an_object_is_replaced_by_whoever_read_it_last(store: Storage) -> None:
    store.put(PATH, b"one")
    found = store.get_tagged(PATH)
    assert found is not None
    assert store.replace(PATH, b"two", found.etag)
    assert not store.replace(PATH, b"three", found.etag)
    assert not store.replace("runs/never", b"three", found.etag)
    assert store.get(PATH) == b"two"


def test_of_many_at_once_one_wins(store: Storage) -> None:
    store.put("swap", b"0")
    found = store.get_tagged("swap")
    assert found is not None
    start = Barrier(RACERS)

    def race(number: int) -> tuple[bool, bool]:
        mine, own = str(number + 1).encode(), Storage(store.url, patience_s=5)
        start.wait()
        return own.create("create", mine), own.replace("swap", mine, found.etag)

    with ThreadPoolExecutor(RACERS) as racers:
        results = list(racers.map(race, range(RACERS)))
    assert [sum(won) for won in zip(*results, strict=True)] == [1, 1]
    for path, place in (("create", 0), ("swap", 1)):
        (winner,) = (number for number, won in enumerate(results) if won[place])
        assert store.get(path) == str(winner + 1).encode()


def test_months_keep_what_they_have(store: Storage) -> None:
    key = BarKey("binance", "spot", "BTC/USDT", "1h")
    times = pd.date_range("2026-01-30", periods=72, freq="h", tz="UTC").as_unit("us")
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    bars = pd.DataFrame({"timestamp": times} | columns)
    cache = BarCache(store)
    assert cache.write(key, bars[:40], "test").months == 1
    assert cache.write(key, bars, "test").months == 2
    assert cache.write(key, bars, "test").months == 0
    assert len(cache.read(key, times[0], times[-1] + key.step)) == 72
    assert cache.stored_months(key) == ["2026-01", "2026-02"]


def test_a_lease_has_one_holder(store: Storage) -> None:
    path, now = BarKey("binance", "spot", "BTC/USDT", "1h").layout.lease, pd.Timestamp(b.NOW)
    span = Span(now, now)
    first = Lease(store, path)
    assert first.acquire(span)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        first.release(span)

    assert not Lease(store, path, sleep=sleep).acquire(span), "another run fetched it meanwhile"
    assert len(waits) == 1


async def test_the_pointer_and_the_tombstones_of_the_operator(
    store: Storage, settings: StoreSettings
) -> None:
    opened, pointers = open_store(settings), []
    for number in (1, 2):
        pointer = ProductionPointer(
            schedule_uid="uid", version=f"btc-{number}", manifest="s3://m/manifest.json",
            sha256="1" * 64, since=b.NOW + timedelta(hours=number),
        )  # fmt: skip
        pointers.append(pointer)
        await PointerWriter(opened).publish(b.KEY, pointer)
    await PointerWriter(opened).publish(b.KEY, pointers[0])
    stored = store.get(production_pointer(b.KEY.namespace, b.KEY.name))
    assert stored is not None
    assert ProductionPointer.model_validate_json(stored) == pointers[1]
    stone = Tombstone(namespace="ns", schedule="btc", schedule_uid="u", version="v", uid="run-1")
    store.put(stone.layout.manifest, b"{}")
    await RunStore(opened).bury(stone)
    assert await RunStore(opened).buried("ns") == [stone]
    await RunStore(opened).remove(stone)
    assert store.list("runs") == store.list("tombstones") == []


def test_the_check_of_helm_test_passes_and_leaves_nothing(
    store: Storage, settings: StoreSettings
) -> None:
    said = check_store(settings)
    assert "create-only and compare-and-swap writes hold" in said
    assert store.list("") == []


def test_a_bucket_that_is_not_there_is_named(server: StoreServer, settings: StoreSettings) -> None:
    with pytest.raises(ClmError) as caught:
        Storage("s3://no-such-bucket", patience_s=0).get(PATH)
    assert caught.value.message.startswith("NoSuchBucket: ")
    ensure_bucket(settings)
    ensure_bucket(settings)
    wrong = settings.having(url="s3://no-such-bucket")
    with pytest.raises(ClmError) as caught:
        check_store(wrong)
    assert str(caught.value.reason) == "StorageDenied"
