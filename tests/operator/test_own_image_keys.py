"""A run of an own image: CLM's container fetches, and the keys of the own one write its run alone.

Both are processes of their own with keys of a real MinIO, as in a pod.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import pytest
import urllib3
from minio.error import MinioAdminException, S3Error

from clm_api import environment, layout
from clm_api.layout import SeriesLayout
from clm_api.report import Manifest
from clm_operator.jobs.access import run_access
from clm_operator.jobs.credentials import Credentials
from clm_operator.jobs.split import only_reading
from tests.operator.test_lent_keys import (
    BUCKET,
    FORBIDDEN,
    FOREIGN_BARS,
    OTHER,
    POINTER,
    PREFIX,
    URL,
    Forbidden,
    listings,
    put,
    whole_run,
    write,
)
from tests.support.fake_exchange import FakeExchange
from tests.support.fake_exchange.server import API_KEY, SECRET
from tests.support.lent_keys import Holder, lend
from tests.support.minio_server import MinioServer
from tests.support.store_server import ACCESS_KEY, SECRET_KEY
from tests.trainer.pipeline.runs import LAYOUT, Pod
from tests.trainer.pipeline.sheets import NOW

BTC = SeriesLayout("binance", "usdm", "BTC/USDT:USDT", "1h")


@dataclass
class Trained:
    """A run after both of its containers.

    Parameters
    ----------
    asked
        Requests to the exchange, by the container.
    """

    own: Holder
    manifest: Manifest
    asked: tuple[int, int]
    log: str


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A server of this module's own: the run is the one that other modules train too."""
    server = MinioServer.start(tmp_path_factory.mktemp("minio") / "m")
    yield server
    server.close()


@pytest.fixture(scope="module")
def trained(
    minio: MinioServer, pool: urllib3.PoolManager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    minio.make_bucket(BUCKET)
    for path in foreign():
        put(minio, f"{PREFIX}/{path}", b"not yours")
    spec, folder = whole_run(), tmp_path_factory.mktemp("pod")
    keys = folder / "keys"
    keys.mkdir()
    (keys / "apiKey").write_text(API_KEY)
    (keys / "secret").write_text(SECRET)
    fetches = Holder(minio, lend(minio, URL, run_access(LAYOUT, spec)), pool)
    own = Holder(minio, lend(minio, URL, run_access(LAYOUT, only_reading(spec))), pool)
    with FakeExchange(listings(), NOW).serve() as fake:
        shared = {
            environment.FETCHED: str(folder / "asked.json"), environment.EXCHANGE_URL: fake.url,
        }  # fmt: skip
        before = Pod(URL, folder, spec, extra={**shared, **fetches.environment}, command="fetch")
        before.extra[environment.EXCHANGE_KEYS] = str(keys)
        done(before)
        asked = len(fake.asked)
        done(Pod(URL, folder, spec, extra={**shared, **own.environment}))
        content = minio.read(BUCKET, f"{PREFIX}/{LAYOUT.manifest}")
        log = minio.read(BUCKET, f"{PREFIX}/{LAYOUT.log('pod-1')}").decode()
        counted = asked, len(fake.asked) - asked
        yield Trained(own, Manifest.model_validate_json(content), counted, log)


def foreign() -> tuple[str, ...]:
    return (POINTER, FOREIGN_BARS, OTHER.manifest)


def done(pod: Pod) -> None:
    code, lines = pod.run()
    assert code == 0, lines


def test_it_takes_what_was_fetched_and_asks_nobody(trained: Trained) -> None:
    fetching, training = trained.asked
    assert (fetching > 0, training) == (True, 0)
    assert trained.manifest.data.bars > 0
    assert any("own fills" in note for note in trained.manifest.data.notes)


def test_the_log_of_both_is_kept(trained: Trained) -> None:
    stages = ('"stage": "fetch"', '"stage": "report"')
    assert all(stage in trained.log for stage in stages)
    assert "requests" in trained.log.split('"stage": "train"')[0]


SHARED = [
    ("its own bars", BTC.month("2025-11")),
    ("the ledger of its bars", BTC.ledger),
    ("its funding", replace(BTC, series="funding").month("2025-11")),
    ("its account's fills", replace(BTC, series="trades-0123456789abcdef").month("2025-11")),
    ("the lease of its bars", BTC.lease),
    ("its exchange's bans", layout.bans("binance")),
]
ALSO_FORBIDDEN = [Forbidden(f"put {name}", write(path)) for name, path in SHARED]


@pytest.mark.parametrize("case", [*FORBIDDEN, *ALSO_FORBIDDEN], ids=attrgetter("name"))
def test_the_keys_of_an_own_image_may_not(case: Forbidden, trained: Trained) -> None:
    with pytest.raises((S3Error, MinioAdminException)) as refused:
        case.attempt(trained.own)
    words = str(refused.value)
    assert "AccessDenied" in words or "403" in words, words


def test_without_what_was_fetched_it_ends_and_says_so(minio: MinioServer, tmp_path: Path) -> None:
    pod = Pod(URL, tmp_path, whole_run(), extra=minio.environment(), attempt="pod-2")
    pod.extra[environment.FETCHED] = str(tmp_path / "none.json")
    code, _ = pod.run()
    assert (code, pod.last_words().reason) == (70, "TrainingFailed")
    assert "the fetching container left nothing readable" in pod.last_words().message


@pytest.fixture(scope="module")
def root(minio: MinioServer, pool: urllib3.PoolManager) -> Holder:
    """The administrator, who may do everything."""
    return Holder(minio, Credentials(ACCESS_KEY, SECRET_KEY, ""), pool)


@pytest.mark.parametrize("case", ALSO_FORBIDDEN, ids=attrgetter("name"))
def test_the_administrator_may(case: Forbidden, trained: Trained, root: Holder) -> None:
    """Else a row above would be refused for another reason than its keys."""
    assert trained.manifest
    case.attempt(root)
