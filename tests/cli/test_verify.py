import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.support.attempts import change_json, published_run, rewrite
from tests.support.minio_server import MinioServer

RUNNER = CliRunner(env={"COLUMNS": "80"})


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A real run of the test's own."""
    shutil.copytree(published_run(tmp_path_factory.getbasetemp()), tmp_path / "run")
    return tmp_path / "run"


def refused(uri: str) -> ClmError:
    result = RUNNER.invoke(app, ["verify", uri])
    assert isinstance(result.exception, ClmError), result.exception
    return result.exception


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["a path", "a file address"])
def test_a_run_that_can_be_trusted_is_five_lines(run: Path, scheme: str) -> None:
    result = RUNNER.invoke(app, ["verify", f"{scheme}{run}/manifest.json"], catch_exceptions=False)
    said = [re.sub(r" \d.*difference ", " … ", line) for line in result.stdout.splitlines()]
    names = [line.split(" … ")[0].strip() for line in said]
    assert names == ["digests", "equity", "trades", "metrics", "folds"]
    assert all(float(line.split(" … ")[1]) < 1e-9 for line in said)


def test_it_loads_no_compiler_and_no_model_library(run: Path) -> None:
    code = (
        "import sys; from clm_cli.__main__ import command_line\n"
        "command_line(['verify'])(['verify', sys.argv[1]], standalone_mode=False)\n"
        "loaded = {'numba', 'xgboost', 'talib', 'clm_cli.cluster'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code, str(run / "manifest.json")], check=True, timeout=60)


def test_a_wrong_metric_is_shown_and_ends_with_66(run: Path) -> None:
    def better(report: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        report["metrics"]["sharpe"] = 99.5
        return report

    rewrite(run, "metrics.json", change_json(better))
    done = subprocess.run(
        [sys.executable, "-m", "clm_cli", "verify", f"{run}/manifest.json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 66
    shown = r"metrics +\d+ metrics +largest difference [\d.]+\n"
    assert re.search(shown, done.stdout)
    assert re.search(r"\n  metrics.json  metrics.sharpe  stored 99.5  recomputed -?\d", done.stdout)
    said = f"error: MetricsRejected: 1 values don't follow from the files of {run}/manifest.json"
    assert done.stderr.startswith(said)


def test_a_changed_byte_is_no_number_to_recompute(run: Path) -> None:
    path = run / "attempts" / "pod-1" / "trades.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    error = refused(f"{run}/manifest.json")
    assert error.reason == "ArtifactCorrupt"
    assert error.message.startswith("attempts/pod-1/trades.parquet: sha256 ")


def test_a_version_is_found_by_its_name(api: Namespace, run: Path) -> None:
    raw = judged(api.put(schedule()))
    uri = f"{run}/manifest.json"
    raw["status"]["artifact"] = {"uri": uri, "sha256": "0" * 64, "sizeBytes": 1}
    api.put(raw)
    by_name, by_address = (
        RUNNER.invoke(app, ["verify", one], catch_exceptions=False).stdout
        for one in (raw["metadata"]["name"], uri)
    )
    assert by_name == by_address
    assert by_name.startswith("digests ")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("{}/nowhere/manifest.json", "URI: there is no {}/nowhere/manifest.json"),
        ("file://{}/nowhere/manifest.json", "URI: there is no {}/nowhere/manifest.json"),
        ("{}/run", 'URI: "{}/run" does not end in manifest.json'),
        ("ftp://x/manifest.json", 'store "ftp://x": use s3://bucket/prefix'),
    ],
    ids=["no such path", "no such file", "a folder", "another scheme"],
)
def test_an_address_that_names_no_manifest(uri: str, message: str, tmp_path: Path) -> None:
    error = refused(uri.format(tmp_path))
    assert error.message.startswith(message.format(tmp_path))
    assert error.exit_code == 64
    assert not (tmp_path / "nowhere").exists()


def test_a_run_in_minio_by_the_address_that_its_version_shows(
    run: Path, minio: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    store = Storage(minio.make_bucket("verify"))
    for path in run.rglob("*.*"):
        store.put(f"runs/trading/btc-eth/uid/{path.relative_to(run)}", path.read_bytes())
    manifest = store.address("runs/trading/btc-eth/uid/manifest.json")
    assert manifest == "s3://verify/runs/trading/btc-eth/uid/manifest.json"
    result = RUNNER.invoke(app, ["verify", manifest], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.startswith("digests  13 files ")
    assert (
        "there is no s3://verify/runs/other/manifest.json"
        in refused("s3://verify/runs/other/manifest.json").message
    )
    files = json.loads((run / "manifest.json").read_text())["files"]
    store.put(f"runs/trading/btc-eth/uid/{files[0]['path']}", b"{}")
    assert refused(manifest).reason == "ArtifactCorrupt"
