"""What the tear sheet says of the version in production, read from the store."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from clm_api.layout import RunLayout
from clm_api.replay import Contender
from clm_api.report import ManifestData
from clm_trainer.attempt import Attempt
from clm_trainer.outcome import as_json, as_parquet
from clm_trainer.stages.production import NOBODY, in_production
from clm_trainer.storage import Storage
from clm_trainer.tearsheet import Production
from tests.trainer.pipeline.sheets import METRICS, NOW, equity

LAYOUT = RunLayout("trading", "btc-eth", "0b53b0d6")
FILE = {"metrics": METRICS, "bars": 2160, "trainedUntil": "2025-11-02T05:00:00Z"}


def published(folder: Path, files: dict[str, bytes]) -> Contender:
    """Publish a run of these files; return it as the version in production."""
    store = Storage(str(folder))
    attempt = Attempt(store, LAYOUT, "pod")
    attempt.write_all(files)
    data = ManifestData.model_validate(
        {"from": NOW, "to": NOW, "bars": 1, "gaps": 0, "sha256": "0" * 64}
    )
    attempt.commit(
        image="i", code_revision="0.1.0", libraries={}, seed=1, data=data, created_at=NOW
    )
    content = store.get(LAYOUT.manifest) or b""
    return Contender(
        version="btc-eth-1",
        uri=str(folder / LAYOUT.manifest),
        sha256=hashlib.sha256(content).hexdigest(),
        since=datetime(2025, 11, 3, tzinfo=UTC),
    )


WHOLE = {"metrics.json": as_json(FILE), "equity.parquet": as_parquet(equity(48))}


def test_metrics_and_equity_are_those_of_the_published_run(tmp_path: Path) -> None:
    found = in_production(published(tmp_path, WHOLE))
    assert isinstance(found, Production)
    assert found.metrics == METRICS
    stored = pd.read_parquet(io.BytesIO(WHOLE["equity.parquet"]))
    pd.testing.assert_frame_equal(found.equity, stored[["time", "net_return"]])


def test_nobody_in_production_is_a_sentence() -> None:
    assert in_production(None) == NOBODY


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"metrics.json": WHOLE["metrics.json"]}, "KeyError: 'equity.parquet'"),
        (WHOLE | {"equity.parquet": b"no parquet"}, "ArrowInvalid"),
        (WHOLE | {"metrics.json": b"{}"}, "ValidationError"),
        (WHOLE | {"equity.parquet": as_parquet(equity(3)[["time"]])}, "net_return"),
    ],
    ids=["a file is missing", "no parquet", "no metrics", "no returns"],
)
def test_what_cannot_be_read_is_said_and_fails_no_run(
    tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    found = in_production(published(tmp_path, files))
    assert isinstance(found, str)
    assert found.startswith("btc-eth-1 is in production; its files can't be read: ")
    assert said in found


@pytest.mark.parametrize("name", ["manifest.json", "attempts/pod/metrics.json"])
def test_files_that_were_changed_are_not_compared_with(tmp_path: Path, name: str) -> None:
    champion = published(tmp_path, WHOLE)
    path = tmp_path / LAYOUT.prefix / name
    path.write_bytes(path.read_bytes() + b" ")
    found = in_production(champion)
    assert isinstance(found, str)
    assert "sha256 differs" in found


def test_files_that_are_gone_are_said(tmp_path: Path) -> None:
    champion = published(tmp_path, WHOLE)
    (tmp_path / LAYOUT.manifest).unlink()
    assert "there is no" in str(in_production(champion))
