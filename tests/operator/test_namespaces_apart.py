"""With ``sharing: Namespace`` no run's keys reach what another namespace's runs train on."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import pytest
import urllib3
from minio.error import S3Error

from clm_api.layout import data_of
from clm_operator.jobs.access import run_access
from clm_operator.jobs.credentials import shared_by
from clm_operator.settings import Sharing, StoreSettings
from clm_trainer.storage import Storage
from tests.support.lent_keys import Holder, lend, settings, variables
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.runs import LAYOUT, import_bars, manifest_of, run_here, small_run

BUCKET = "apart"
URL = f"s3://{BUCKET}"
OURS, THEIRS = data_of(LAYOUT.namespace), data_of("another-team")
MONTH = "bars/v1/binance/spot/BTC-USDT/1h/2025-11.parquet"
LEASE = "leases/binance/spot/BTC-USDT/1h.json"


def apart(minio: MinioServer) -> StoreSettings:
    """Return the operator's settings: a folder for each namespace."""
    return settings(minio, URL).having(sharing=Sharing.NAMESPACE)


@pytest.fixture(scope="module")
def pod(
    minio: MinioServer, pool: urllib3.PoolManager, tmp_path_factory: pytest.TempPathFactory
) -> Holder:
    """A pod that has run on its namespace's bars, with the keys that it was lent."""
    minio.make_bucket(BUCKET)
    folder = tmp_path_factory.mktemp("bars")
    with variables(minio.environment()):
        for place in (URL, f"{URL}/{OURS}", f"{URL}/{THEIRS}"):
            import_bars(Storage(place), folder)
        Storage(f"{URL}/{THEIRS}").put("bans/binance.json", b"{}")
    spec = small_run(data={"refresh": "Auto"})
    shared = shared_by(apart(minio), LAYOUT.namespace)
    return Holder(minio, lend(minio, URL, run_access(LAYOUT, spec, shared=shared)), pool)


def test_a_run_trains_on_the_bars_of_its_namespace(pod: Holder, tmp_path: Path) -> None:
    with variables(pod.environment):
        run_here(Storage(URL), small_run(), data=Storage(f"{URL}/{OURS}"))
        made = manifest_of(Storage(URL))
    assert made.data.bars > 0
    with variables(pod.minio.environment()):
        here = Storage(tmp_path.as_uri())
        import_bars(here, tmp_path)
        run_here(here, small_run())
    assert manifest_of(here).data.sha256 == made.data.sha256


def _get(path: str) -> Callable[[Holder], object]:
    return lambda who: who.client.get_object(bucket_name=BUCKET, object_name=path).close()


def _put(path: str) -> Callable[[Holder], object]:
    return lambda who: who.client.put_object(
        bucket_name=BUCKET, object_name=path, data=io.BytesIO(b"x"), length=1
    )


@dataclass(frozen=True)
class Attempt:
    name: str
    attempt: Callable[[Holder], object]


FORBIDDEN = [
    Attempt("read another namespace's bars", _get(f"{THEIRS}/{MONTH}")),
    Attempt("write another namespace's bars", _put(f"{THEIRS}/{MONTH}")),
    Attempt("hold another namespace's lease", _put(f"{THEIRS}/{LEASE}")),
    Attempt("ban the exchange for another namespace", _put(f"{THEIRS}/bans/binance.json")),
    Attempt("read the bars of all", _get(MONTH)),
    Attempt("write the bars of all", _put(MONTH)),
    Attempt("ban the exchange for all", _put("bans/binance.json")),
]


@pytest.mark.parametrize("case", FORBIDDEN, ids=attrgetter("name"))
def test_its_keys_may_not(case: Attempt, pod: Holder) -> None:
    with pytest.raises(S3Error) as refused:
        case.attempt(pod)
    assert refused.value.code == "AccessDenied"


@pytest.mark.parametrize(
    "path", [f"{OURS}/{MONTH}", f"{OURS}/{LEASE}", f"{OURS}/bans/binance.json"]
)
def test_its_keys_write_what_its_namespace_shares(path: str, pod: Holder) -> None:
    _put(path)(pod)
