"""Amazon S3 answers 409 while others write the same object: that settles nothing."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.layout import production_pointer
from clm_api.production import ProductionPointer
from clm_operator.settings import StoreSettings
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import open_store
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.lease import Lease
from clm_trainer.sources.ledger import Span
from clm_trainer.storage import Storage
from tests.operator.units import builders as b
from tests.support.minio_server import MinioServer
from tests.support.proxy import Answer, Proxy, Seen, Verdict

CONFLICT = Answer(409, "ConditionalRequestConflict", "A conflicting operation occurred.")
PATH = "runs/ns/btc/uid/manifest.json"
_NUMBERS = itertools.count()


@dataclass
class Contested:
    """A bucket of the real MinIO whose next writes are answered with a conflict.

    Parameters
    ----------
    meanwhile
        What somebody else does before each of these answers.
    """

    minio: MinioServer
    conflicts: int = 0
    meanwhile: Callable[[], object] = lambda: None
    answers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.name = f"contested-{next(_NUMBERS)}"
        self.url = self.minio.make_bucket(self.name)
        self.proxy = Proxy(self.minio.endpoint, judge=self._judge)

    def _judge(self, seen: Seen) -> Verdict | Answer:
        if seen.method != "PUT" or self.answers >= self.conflicts:
            return Verdict.PASS
        self.answers += 1
        self.meanwhile()
        return CONFLICT

    def storage(self, patience_s: float = 20.0) -> Storage:
        """The bucket as a run uses it."""
        return Storage(self.url, patience_s=patience_s)

    def write(self, content: bytes) -> None:
        """Somebody else writes the object, past the proxy."""
        self.minio.put(self.name, PATH, content)


@pytest.fixture
def contested(minio: MinioServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contested]:
    """An empty bucket."""
    made = Contested(minio)
    for name, value in minio.environment(made.proxy.url).items():
        monkeypatch.setenv(name, value)
    yield made
    made.proxy.stop()


def test_a_create_is_asked_again_until_it_succeeds(contested: Contested) -> None:
    contested.conflicts = 3
    assert contested.storage().create(PATH, b"mine"), "nothing was there"
    assert contested.storage().get(PATH) == b"mine"
    assert contested.answers == 3


def test_a_create_that_another_wins_meanwhile_is_lost(contested: Contested) -> None:
    contested.conflicts, contested.meanwhile = 1, lambda: contested.write(b"theirs")
    assert not contested.storage().create(PATH, b"mine")
    assert contested.storage().get(PATH) == b"theirs"


def test_a_plain_write_is_asked_again_until_it_succeeds(contested: Contested) -> None:
    contested.conflicts = 3
    contested.storage().put(PATH, b"mine")
    assert contested.storage().get(PATH) == b"mine"


@pytest.mark.parametrize("write", ["create", "put", "replace"])
def test_a_conflict_without_end_is_an_outage_and_never_a_result(
    contested: Contested, write: str
) -> None:
    store = contested.storage(patience_s=0.5)
    store.put(f"{PATH}.old", b"before")
    old = store.get_tagged(f"{PATH}.old")
    assert old is not None
    contested.conflicts = 10**6
    acts: dict[str, Callable[[], object]] = {
        "create": lambda: store.create(PATH, b"mine"),
        "put": lambda: store.put(PATH, b"mine"),
        "replace": lambda: store.replace(f"{PATH}.old", b"mine", old.etag),
    }
    with pytest.raises(ClmError) as caught:
        acts[write]()
    assert (caught.value.reason, caught.value.exit_code) == ("StorageUnavailable", 73)
    said = "ConditionalRequestConflict: A conflicting operation occurred: the object store"
    assert caught.value.message.startswith(said)
    assert store.get(PATH) is None


def test_a_guarded_write_is_asked_again_while_the_object_is_the_same(contested: Contested) -> None:
    store = contested.storage()
    store.put(PATH, b"one")
    found = store.get_tagged(PATH)
    assert found is not None
    contested.conflicts = 2
    assert store.replace(PATH, b"two", found.etag)
    contested.conflicts, contested.meanwhile = 3, lambda: contested.write(b"theirs")
    again = store.get_tagged(PATH)
    assert again is not None
    assert not store.replace(PATH, b"three", again.etag)
    assert store.get(PATH) == b"theirs"


def test_months_and_leases_are_written_all_the_same(contested: Contested) -> None:
    times = pd.date_range("2026-01-31 22:00", periods=4, freq="h", tz="UTC").as_unit("us")
    bars = pd.DataFrame(
        {"timestamp": times} | dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    )
    key, store = BarKey("binance", "spot", "BTC/USDT", "1h"), contested.storage()
    contested.conflicts = 4
    assert BarCache(store).write(key, bars, "test").months == 2
    assert len(BarCache(store).read(key, times[0], times[-1] + key.step)) == 4
    contested.conflicts = 8
    span = Span(times[0], times[-1])
    lease = Lease(store, key.layout.lease)
    assert lease.acquire(span)
    lease.release(span)
    assert contested.answers > 4


async def test_the_pointer_is_written_all_the_same(contested: Contested) -> None:
    values = {"url": contested.url, "endpoint": contested.proxy.url, "secretName": "keys"}
    writer = PointerWriter(open_store(StoreSettings.model_validate(values)))
    for number, conflicts in enumerate((2, 5), 1):
        wanted = ProductionPointer(
            schedule_uid="uid", version=f"btc-{number}", manifest="s3://m/manifest.json",
            sha256="1" * 64, since=b.NOW,
        )  # fmt: skip
        contested.conflicts = contested.answers + conflicts - 1
        await writer.publish(b.KEY, wanted)
        stored = contested.storage().get(production_pointer(b.KEY.namespace, b.KEY.name))
        assert stored is not None
        assert ProductionPointer.model_validate_json(stored) == wanted
    contested.conflicts = 10**6
    with pytest.raises(ClmError) as caught:
        await writer.publish(b.KEY, wanted.having(version="btc-9"))
    assert caught.value.reason == "StorageUnavailable"
