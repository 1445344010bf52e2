"""Keys lent for one run fetch its columns, read its own series, and write no series."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import urllib3

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.jobs.access import run_access
from clm_trainer.sources.own_series import OwnSeries
from clm_trainer.sources.series_import import import_series
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import FakeExchange
from tests.support.lent_keys import Holder, lend, variables
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.runs import LAYOUT
from tests.trainer.pipeline.sheets import NOW, run_spec
from tests.trainer.sources.worlds import perpetual

BUCKET = "lent-series"
URL = f"s3://{BUCKET}"
SPEC = run_spec(
    data={
        "market": "usdm", "symbols": ["BTC/USDT"], "lookbackDays": 270, "refresh": "Auto",
        "columns": ["markPrice", "tradeCount"],
        "series": [{"name": "mood", "columns": ["score"]}],
    }
)  # fmt: skip


def imported(name: str, folder: Path) -> None:
    path = folder / f"{name}.csv"
    path.write_text("timestamp,available_at,score\n2025-01-01,2025-01-02,1\n")
    import_series(path, OwnSeries(Storage(URL, patience_s=0), name), now=pd.Timestamp(NOW))


@pytest.fixture
def pod(minio: MinioServer, pool: urllib3.PoolManager, tmp_path: Path) -> Holder:
    """A pod of the run, beside a series that it names and one that it doesn't."""
    minio.make_bucket(BUCKET)
    with variables(minio.environment()):
        imported("mood", tmp_path)
        imported("secret", tmp_path)
    return Holder(minio, lend(minio, URL, run_access(LAYOUT, SPEC)), pool)


def read_another() -> None:
    OwnSeries(Storage(URL, patience_s=0), "secret").header()


def test_lent_keys_read_own_series_fetch_columns_and_write_no_series(
    pod: Holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeExchange([perpetual()], NOW).serve() as fake, variables(pod.environment):
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        panel, _ = fetch(SPEC.data, Storage(URL))
        assert list(panel.extra) == ["markPrice", "tradeCount", "mood.score"]
        forbidden: list[Callable[[], None]] = [
            lambda: Storage(URL, patience_s=0).put("series/v1/mood/series.json", b"{}"),
            read_another,
        ]
        for attempt in forbidden:
            with pytest.raises(ClmError) as refused:
                attempt()
            assert refused.value.reason is Reason.STORAGE_DENIED
    written = {key.split("/")[-2] for key in pod.minio.keys(BUCKET, "bars/v1/binance/usdm/")}
    assert written == {"1h", "mark-1h", "flow-1h"}
