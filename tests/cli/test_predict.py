import io
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from clm_cli.cluster import ClusterError
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule, version
from tests.support.attempts import published_run
from tests.trainer.pipeline.runs import LAYOUT

RUNNER = CliRunner(env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real run in a store with the bars that it was made of."""
    return f"{published_run(tmp_path_factory.getbasetemp())}/manifest.json"


def said(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["predict", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_a_line_for_the_bar_and_one_for_each_symbol(uri: str) -> None:
    head, btc, eth = said(uri).splitlines()
    assert head.startswith("xgboost  bar 2025-12-02 05:00Z  trained until 2025-12-02 05:00Z")
    for line, name in ((btc, "BTC/USDT"), (eth, "ETH/USDT")):
        assert line.startswith(name)
        assert any(side in line for side in (" long ", " flat "))
        assert " of its sleeve  percentile 0." in line


def test_json_says_the_same(uri: str) -> None:
    document = json.loads(said(uri, "-o", "json"))
    assert document["manifest"] == uri
    assert document["time"] == document["trainedUntil"] == "2025-12-02T05:00:00+00:00"
    assert set(document["positions"]) == {"BTC/USDT", "ETH/USDT"}
    for one in document["positions"].values():
        assert 0 <= one["position"] <= 1
        assert 0 <= one["percentile"] <= 1
        assert f"{one['position']:.3f} of its sleeve  percentile {one['percentile']:.3f}" in said(
            uri
        )


def test_a_version_is_found_by_its_name(api: Namespace, uri: str) -> None:
    owner = api.put(schedule())
    raw = judged(owner)
    raw["status"]["artifact"] = {"uri": uri, "sha256": "0" * 64, "sizeBytes": 1}
    api.put(raw)
    assert said(raw["metadata"]["name"]) == said(uri)


def test_a_version_without_an_artifact_says_its_phase(api: Namespace) -> None:
    owner = api.put(schedule())
    api.put(version(owner, "btc-eth-29411280", slot="2025-12-02T12:00:00Z", phase="Failed"))
    result = RUNNER.invoke(app, ["predict", "btc-eth-29411280"])
    assert isinstance(result.exception, ClusterError)
    assert "btc-eth-29411280 has no artifact: its phase is Failed" in str(result.exception)


def test_a_run_outside_a_store_has_no_bars(uri: str, tmp_path: Path) -> None:
    folder = Path(uri).parent
    (tmp_path / "run").symlink_to(folder)
    result = RUNNER.invoke(app, ["predict", f"{tmp_path}/run/manifest.json"])
    assert isinstance(result.exception, ClmError)
    assert "is not STORE/runs/NAMESPACE/SCHEDULE/UID/manifest.json" in result.exception.message


def test_a_store_without_bars_says_how_to_import_them(uri: str, tmp_path: Path) -> None:
    here, there = Storage(uri.rsplit("/runs/", 1)[0]), Storage(str(tmp_path))
    for path in here.list(LAYOUT.prefix):
        there.put(path, here.get(path) or b"")
    result = RUNNER.invoke(app, ["predict", there.address(LAYOUT.manifest)])
    assert isinstance(result.exception, ClmError)
    assert result.exception.reason == "DataUnavailable"
    assert "no stored bars of " in result.exception.message


def test_a_symbol_whose_stored_bars_ended_earlier_is_named(uri: str, tmp_path: Path) -> None:
    here, there = Storage(uri.rsplit("/runs/", 1)[0]), Storage(str(tmp_path))
    for path in (*here.list(LAYOUT.prefix), *here.list("bars")):
        if not path.endswith("ETH-USDT/1h/2025-12.parquet"):
            there.put(path, here.get(path) or b"")
    result = RUNNER.invoke(app, ["predict", there.address(LAYOUT.manifest)])
    assert isinstance(result.exception, ClmError)
    assert result.exception.reason == "InsufficientData"
    assert "2025-12-02 05:00, but ETH/USDT ends at 2025-11-30 23:00" in result.exception.message


def test_a_symbol_that_nobody_trades_any_more_is_named(uri: str, tmp_path: Path) -> None:
    here, there = Storage(uri.rsplit("/runs/", 1)[0]), Storage(str(tmp_path))
    newest = "ETH-USDT/1h/2025-12.parquet"
    for path in (*here.list(LAYOUT.prefix), *here.list("bars")):
        if not path.endswith(newest):
            there.put(path, here.get(path) or b"")
    (path,) = (path for path in here.list("bars") if path.endswith(newest))
    dead = pd.read_parquet(io.BytesIO(here.get(path) or b""))
    dead[["open", "high", "low", "close"]] = float(dead["close"].iloc[0])
    dead["volume"] = 0.0
    BarCache(there).write(BarKey("binance", "spot", "ETH/USDT", "1h"), dead, "test")
    result = RUNNER.invoke(app, ["predict", there.address(LAYOUT.manifest)])
    assert isinstance(result.exception, ClmError)
    assert result.exception.reason == "InsufficientData"
    assert "2025-12-02 05:00, but ETH/USDT ends at 2025-12-01 22:00" in result.exception.message


def test_bars_that_were_corrected_since_the_run_are_all_read_again_and_that_is_said(
    uri: str, tmp_path: Path
) -> None:
    here, there = Storage(uri.rsplit("/runs/", 1)[0]), Storage(str(tmp_path))
    newest = "ETH-USDT/1h/2025-12.parquet"
    for path in (*here.list(LAYOUT.prefix), *here.list("bars")):
        if not path.endswith(newest):
            there.put(path, here.get(path) or b"")
    (path,) = (path for path in here.list("bars") if path.endswith(newest))
    bars = pd.read_parquet(io.BytesIO(here.get(path) or b""))
    bars.loc[bars.index[3], "volume"] *= 2
    BarCache(there).write(BarKey("binance", "spot", "ETH/USDT", "1h"), bars, "test")
    result = RUNNER.invoke(app, ["predict", there.address(LAYOUT.manifest)], catch_exceptions=False)
    assert "worked out from all bars: the bar of ETH/USDT at 2025-12-01" in result.stderr
    assert "was seen with other values" in result.stderr
    assert result.stdout.splitlines()[0] == said(uri).splitlines()[0]


def test_the_state_of_the_run_is_enough(uri: str) -> None:
    assert RUNNER.invoke(app, ["predict", uri], catch_exceptions=False).stderr == ""
