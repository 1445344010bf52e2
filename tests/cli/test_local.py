import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from clm_api.errors import ClmError
from tests.cli.app import app
from tests.cli.objects import ROOT, sample

RUNNER = CliRunner(env={"COLUMNS": "160"})
DATA = ROOT / "examples" / "data"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store into which the examples' bars were imported with the command line."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("btc", "eth"):
        result = RUNNER.invoke(
            app,
            [
                "data", "import", str(DATA / f"binance-spot-{name}usdt-1h.parquet"),
                "--symbol", f"{name.upper()}/USDT", "--store", str(folder),
            ],
            catch_exceptions=False,
        )  # fmt: skip
        said = "34349 bars 2022-01-01 00:00..2025-12-02 05:00, 1 missing, 48 months written"
        assert said in result.stdout
    return folder


def metrics(printed: str) -> bytes:
    manifest = Path(printed.strip().removeprefix("file://"))
    files = json.loads(manifest.read_text())["files"]
    path: str = next(f["path"] for f in files if f["path"].endswith("/metrics.json"))
    return (manifest.parent / path).read_bytes()


def test_the_example_runs_twice_with_identical_metrics(store: Path) -> None:
    example = ["local", "run", str(ROOT / "examples" / "xgboost.yaml"), "--store", str(store)]
    done = subprocess.run(
        [sys.executable, "-m", "clm_cli", *example],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    steps = [line.split()[0] for line in done.stderr.splitlines()]
    order = ["fetch", "features", "train", "backtest", "report", "judge"]
    assert list(dict.fromkeys(steps)) == order
    assert re.search(r"judge      (CANDIDATE|REJECTED)  sharpe .* · trades \d+", done.stderr)
    run = r"file://.*/runs/local/btc-eth-xgboost/[0-9a-f-]{36}/manifest.json\n"
    assert re.fullmatch(run, done.stdout)
    again = RUNNER.invoke(app, example, catch_exceptions=False)
    assert metrics(done.stdout) == metrics(again.stdout)
    assert done.stdout != again.stdout


def test_importing_twice_changes_nothing(store: Path) -> None:
    path = DATA / "binance-spot-btcusdt-1h.parquet"
    before = {p: p.read_bytes() for p in store.rglob("bars/**/*.parquet")}
    result = RUNNER.invoke(
        app, ["data", "import", str(path), "--symbol", "BTC/USDT", "--store", str(store)]
    )
    assert "0 months written" in result.stdout
    assert {p: p.read_bytes() for p in store.rglob("bars/**/*.parquet")} == before


def test_missing_bars_name_the_import(tmp_path: Path) -> None:
    example = ROOT / "examples" / "xgboost.yaml"
    result = RUNNER.invoke(app, ["local", "run", str(example), "--store", str(tmp_path)])
    assert isinstance(result.exception, ClmError)
    assert result.exception.exit_code == 69
    said = (
        "clm data import FILE --exchange binance --market spot --symbol BTC/USDT --timeframe 1h "
        f"--store file://{tmp_path}"
    )
    assert said in result.exception.message


def test_an_invalid_schedule_is_not_run(tmp_path: Path) -> None:
    raw = sample("trainingschedule-minimal")
    raw["spec"]["data"]["timeframe"] = "2h"
    path = tmp_path / "ts.yaml"
    path.write_text(yaml.safe_dump(raw))
    result = RUNNER.invoke(app, ["local", "run", str(path), "--store", str(tmp_path / "store")])
    assert isinstance(result.exception, ClmError)
    assert result.exception.exit_code == 64
    assert "spec.data.timeframe" in result.exception.message
    assert not (tmp_path / "store").exists()


def test_a_file_with_two_schedules_is_refused(tmp_path: Path) -> None:
    raw = sample("trainingschedule-minimal")
    path = tmp_path / "ts.yaml"
    path.write_text(yaml.safe_dump_all([raw, raw]))
    result = RUNNER.invoke(app, ["local", "run", str(path), "--store", str(tmp_path)])
    assert "holds 2 TrainingSchedules" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--symbol", "btc"),
        ("--symbol", "BTC/USDT:USDT"),
        ("--timeframe", "2h"),
        ("--market", "coinm"),
        ("--exchange", "../x"),
    ],
)
def test_import_options_obey_the_rules_of_a_schedule(
    option: str, value: str, tmp_path: Path
) -> None:
    arguments = {"--symbol": "BTC/USDT", "--store": str(tmp_path / "store"), option: value}
    flat = [part for pair in arguments.items() for part in pair]
    result = RUNNER.invoke(app, ["data", "import", str(DATA / "x.parquet"), *flat])
    assert isinstance(result.exception, ClmError)
    assert result.exception.message.startswith(f'{option}: "{value}" is refused')
    assert not (tmp_path / "store").exists()


def test_a_file_that_holds_no_bars_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"a": [1]}).to_csv(path, index=False)
    result = RUNNER.invoke(
        app, ["data", "import", str(path), "--symbol", "BTC/USDT", "--store", str(tmp_path)]
    )
    assert f"{path}: column timestamp is missing" in str(result.exception)
