"""Keys lent for one run do all that the run does, and nothing else, on a real MinIO."""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

import pytest
import urllib3
from minio.commonconfig import CopySource
from minio.credentials import AssumeRoleProvider
from minio.deleteobjects import DeleteObject
from minio.error import MinioAdminException, S3Error

from clm_api import environment
from clm_api.layout import RunLayout
from clm_api.report import Manifest
from clm_api.run import RunSpec
from clm_operator.jobs.access import run_access
from clm_operator.jobs.credentials import Credentials
from clm_trainer.storage import Storage
from tests.support.fake_exchange import FakeExchange, Fill, Listing, real_bars
from tests.support.fake_exchange.server import API_KEY, SECRET
from tests.support.lent_keys import Holder, lend, variables
from tests.support.minio_server import MinioServer
from tests.support.store_server import ACCESS_KEY, SECRET_KEY
from tests.trainer.pipeline.perpetuals import perpetual_run, synthetic_funding
from tests.trainer.pipeline.runs import LAYOUT, run_here
from tests.trainer.pipeline.sheets import NOW

BUCKET, PREFIX = "lent-keys", "some/prefix"
URL = f"s3://{BUCKET}/{PREFIX}"
OTHER = RunLayout(LAYOUT.namespace, LAYOUT.schedule, "another-run")
BARS = "bars/v1/binance/usdm"
POINTER = "production/trading/btc-eth.json"
FOREIGN = "binance/usdm/SOL-USDT_USDT/1h"
FOREIGN_BARS, FOREIGN_LEASE = f"bars/v1/{FOREIGN}/2025-11.parquet", f"leases/{FOREIGN}.json"


def whole_run() -> RunSpec:
    """A run that fetches bars, funding and own trades."""
    own = {"refresh": "Auto", "ownTrades": True, "secretRef": {"name": "exchange-key"}}
    return perpetual_run(data=own)


def listings() -> list[Listing]:
    """Real spot bars stand in for the perpetuals' own; their funding and fills are made up."""
    made = []
    for seed, base in enumerate(("BTC", "ETH")):
        bars = real_bars(base)
        bar = bars["1h"].iloc[-5]
        time = int(bar["timestamp"].timestamp() * 1000) + 1000
        fills = [Fill(1000 + seed, time, float(bar["open"]), 1.0, buyer=True)]
        funding = synthetic_funding(seed)
        made.append(Listing(base, bars, market="usdm", funding=funding, fills=fills))
    return made


@pytest.fixture(scope="module")
def root(minio: MinioServer, pool: urllib3.PoolManager) -> Holder:
    """The administrator, who may do everything."""
    return Holder(minio, Credentials(ACCESS_KEY, SECRET_KEY, ""), pool)


@pytest.fixture(scope="module")
def pod(minio: MinioServer, pool: urllib3.PoolManager) -> Holder:
    """A pod of one run, beside another run, production and another symbol's bars."""
    minio.make_bucket(BUCKET)
    for path in (OTHER.manifest, POINTER, FOREIGN_BARS):
        put(minio, f"{PREFIX}/{path}", b"not yours")
    return Holder(minio, lend(minio, URL, run_access(LAYOUT, whole_run())), pool)


@pytest.fixture(scope="module")
def trained(
    pod: Holder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Holder, FakeExchange]]:
    """The pod after its whole run."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "apiKey").write_text(API_KEY)
    (folder / "secret").write_text(SECRET)
    with FakeExchange(listings(), NOW).serve() as fake, pytest.MonkeyPatch.context() as patch:
        patch.setenv(environment.EXCHANGE_URL, fake.url)
        patch.setenv(environment.EXCHANGE_KEYS, str(folder))
        with variables(pod.environment):
            run_here(Storage(URL), whole_run())
        yield pod, fake


def put(minio: MinioServer, key: str, content: bytes) -> None:
    minio.client.put_object(
        bucket_name=BUCKET, object_name=key, data=io.BytesIO(content), length=len(content)
    )


def test_lent_keys_carry_a_whole_run(trained: tuple[Holder, FakeExchange]) -> None:
    pod, fake = trained
    content = pod.minio.read(BUCKET, f"{PREFIX}/{LAYOUT.manifest}")
    manifest = Manifest.model_validate_json(content)
    assert {one.symbol for one in manifest.data.symbols} == {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    assert {one.endpoint for one in fake.asked} >= {"klines", "fundingRate", "userTrades"}
    written = pod.minio.keys(BUCKET, f"{PREFIX}/")
    kinds = {key.split("/")[-2] for key in written if "/BTC-USDT_USDT/" in key and "/bars/" in key}
    assert {kind.split("-")[0] for kind in kinds} == {"1h", "funding", "trades"}
    assert [key for key in written if key.startswith(f"{PREFIX}/leases/")], "it held leases"


def test_a_second_pod_of_the_run_finds_its_result(trained: tuple[Holder, FakeExchange]) -> None:
    pod, _ = trained
    before = pod.minio.keys(BUCKET)
    with variables(pod.environment):
        run_here(Storage(URL), whole_run(), attempt="pod-2")
    assert pod.minio.keys(BUCKET) == before


def _list(who: Holder) -> object:
    return list(who.client.list_objects(bucket_name=BUCKET, prefix=f"{PREFIX}/{LAYOUT.prefix}/"))


def _get(path: str) -> Callable[[Holder], object]:
    def attempt(who: Holder) -> object:
        return who.client.get_object(bucket_name=BUCKET, object_name=f"{PREFIX}/{path}").close()

    return attempt


def write(path: str, prefix: str = f"{PREFIX}/") -> Callable[[Holder], object]:
    def attempt(who: Holder) -> object:
        return who.client.put_object(
            bucket_name=BUCKET, object_name=f"{prefix}{path}", data=io.BytesIO(b"x"), length=1
        )

    return attempt


def _delete(path: str) -> Callable[[Holder], object]:
    def attempt(who: Holder) -> object:
        key = f"{PREFIX}/{path}"
        return who.client.remove_object(bucket_name=BUCKET, object_name=key)

    return attempt


def _delete_many(who: Holder) -> object:
    own = [DeleteObject(f"{PREFIX}/{LAYOUT.manifest}")]
    for error in who.client.remove_objects(bucket_name=BUCKET, delete_object_list=own):
        raise MinioAdminException(error.code, error.message or "")
    return None


def _copy_production(who: Holder) -> object:
    source = CopySource(bucket_name=BUCKET, object_name=f"{PREFIX}/{POINTER}")
    return who.client.copy_object(
        bucket_name=BUCKET, object_name=f"{PREFIX}/{LAYOUT.prefix}/stolen.json", source=source
    )


def _unpack(who: Holder) -> object:
    """Put a tar where it may lie; the store unpacks it into objects elsewhere."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(f"{PREFIX}/production/trading/sol.json")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    out.seek(0)
    who.client.put_object(
        bucket_name=BUCKET,
        object_name=f"{PREFIX}/{LAYOUT.prefix}/attempts/p/files.tar",
        data=out,
        length=out.getbuffer().nbytes,
        metadata={"snowball-auto-extract": "true"},
    )
    if entry.name not in who.minio.keys(BUCKET, entry.name):
        raise MinioAdminException("403", "nothing was unpacked")
    return entry


def _account(who: Holder) -> object:
    return who.admin.add_service_account()


def _lend_on(who: Holder) -> object:
    provider = AssumeRoleProvider(
        sts_endpoint=who.minio.endpoint, access_key=who.keys.access_key,
        secret_key=who.keys.secret_key, http_client=who.pool,
    )  # fmt: skip
    try:
        return provider.retrieve()
    except ValueError as error:
        raise MinioAdminException("STS", str(error)) from error


@dataclass(frozen=True)
class Forbidden:
    name: str
    attempt: Callable[[Holder], object]


FORBIDDEN = [
    Forbidden("list the bucket, even its own prefix", _list),
    Forbidden("get another run's manifest", _get(OTHER.manifest)),
    Forbidden("put into another run's prefix", write(f"{OTHER.prefix}/attempts/p/metrics.json")),
    Forbidden("replace another run's manifest", write(OTHER.manifest)),
    Forbidden("get the production pointer", _get(POINTER)),
    Forbidden("put the production pointer", write(POINTER)),
    Forbidden("copy the production pointer into its own prefix", _copy_production),
    Forbidden("put a tombstone", write(LAYOUT.tombstone)),
    Forbidden("get bars of another symbol", _get(FOREIGN_BARS)),
    Forbidden("put bars of another symbol", write(FOREIGN_BARS)),
    Forbidden("put bars of another timeframe", write(f"{BARS}/BTC-USDT_USDT/4h/2025-11.parquet")),
    Forbidden("hold the lease of another symbol", write(FOREIGN_LEASE)),
    Forbidden("ban another exchange", write("bans/kraken.json")),
    Forbidden("put beside the prefix", write(LAYOUT.manifest, prefix="")),
    Forbidden("delete its own manifest", _delete(LAYOUT.manifest)),
    Forbidden("delete its own manifest among many", _delete_many),
    Forbidden("delete its own bars", _delete(f"{BARS}/BTC-USDT_USDT/1h/2025-11.parquet")),
    Forbidden("put production in a tar that the store unpacks", _unpack),
    Forbidden("make an account of its own", _account),
    Forbidden("lend its keys on", _lend_on),
]  # fmt: skip


@pytest.mark.parametrize("case", FORBIDDEN, ids=attrgetter("name"))
def test_lent_keys_may_not(case: Forbidden, trained: tuple[Holder, FakeExchange]) -> None:
    with pytest.raises((S3Error, MinioAdminException)) as refused:
        case.attempt(trained[0])
    words = str(refused.value)
    assert "AccessDenied" in words or "403" in words, words


@pytest.mark.parametrize("case", FORBIDDEN, ids=attrgetter("name"))
def test_the_same_is_no_trouble_for_the_administrator(
    case: Forbidden, trained: tuple[Holder, FakeExchange], root: Holder
) -> None:
    """Else a row above would be refused for another reason than its keys."""
    put(root.minio, f"{PREFIX}/{LAYOUT.manifest}", b"{}")
    case.attempt(root)
