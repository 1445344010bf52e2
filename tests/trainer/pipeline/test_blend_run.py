"""A blend that learns a triple barrier with weights: from bars to a served, verified version."""

import asyncio
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from obstore.store import LocalStore

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_operator.findings import Report
from clm_operator.store.results import ArtifactReader
from clm_trainer.recompute import verify
from clm_trainer.serving.model import load
from clm_trainer.storage import Storage
from tests.support.attempts import change_json, rewrite
from tests.trainer.pipeline.runs import LAYOUT, content_of, manifest_of, run_here, small_run
from tests.trainer.pipeline.sheets import BARS

SPEC = small_run(
    model={
        "family": "blend",
        "blend": {"members": [{"family": "xgboost"}, {"family": "lightgbm", "seed": 8}]},
    },
    target={"kind": "tripleBarrier", "params": {"profitSigmas": 0.8}, "uniquenessWeights": True},
    evaluation={"purgeBars": 0},
)
OTHER = RunLayout("local", "again", "another-uid")
MODEL = {
    "model/percentiles.json",
    "model/member-0.json", "model/member-0/model.json", "model/member-0/model.ubj",
    "model/member-1.json", "model/member-1/model.json", "model/member-1/model.txt",
}  # fmt: skip


@pytest.fixture(scope="module")
def published(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the run was made."""
    made = tmp_path_factory.mktemp("blend") / "store"
    shutil.copytree(imported, made)
    run_here(Storage(str(made)), SPEC)
    return made


@pytest.fixture
def run(published: Path, tmp_path: Path) -> Path:
    """The run in a store of the test's own."""
    shutil.copytree(published, tmp_path / "published")
    return tmp_path / "published" / LAYOUT.prefix


def bars() -> dict[str, pd.DataFrame]:
    files = {"BTC/USDT": "btcusdt", "ETH/USDT": "ethusdt"}
    return {
        symbol: pd.read_parquet(BARS / f"binance-spot-{name}-1h.parquet").iloc[-24 * 280 :]
        for symbol, name in files.items()
    }


def test_its_whole_life(run: Path) -> None:
    store = Storage(str(run.parents[3]))
    manifest = manifest_of(store)
    names = {file.path.removeprefix("attempts/pod-1/") for file in manifest.files}
    assert {name for name in names if name.startswith("model/")} == MODEL
    assert {"xgboost", "lightgbm"} <= set(manifest.libraries)

    harvested = asyncio.run(ArtifactReader(LocalStore(run.parents[3])).report(LAYOUT))
    assert isinstance(harvested, Report), "the operator takes files in folders"

    groups = verify(Storage(str(run)))
    assert [str(one) for group in groups for one in group.differences] == []
    stated = json.loads(content_of(store, "run.json"))
    assert all(1 <= bars <= 25 for bars in stated["purgedBars"]), "no label is longer"
    assert stated["spec"]["target"]["kind"] == "tripleBarrier"

    sheet = content_of(store, "report.html").decode()
    for shown in ("blend", "triple barrier", "profitSigmas", "lightgbm"):
        assert shown in sheet

    model = load(f"{run}/manifest.json")
    position = model.position(bars())
    assert set(position) == {"BTC/USDT", "ETH/USDT"}

    run_here(store, SPEC, layout=OTHER, attempt="pod-9")
    for name in MODEL | {"metrics.json", "predictions.parquet"}:
        assert content_of(store, name) == content_of(store, name, OTHER), name


@pytest.mark.parametrize("bars", [[0, 0], [25, 60]], ids=["a purge of 0", "a longer purge"])
def test_a_purge_that_was_not_kept_is_found_out(run: Path, bars: list[int]) -> None:
    rewrite(run, "run.json", change_json(lambda f: f | {"purgedBars": bars}))
    groups = verify(Storage(str(run)))
    differences = [str(one) for group in groups for one in group.differences]
    assert any("folds.json" in one and "trainTo" in one for one in differences)


def test_a_purge_of_fewer_folds_can_not_be_read(run: Path) -> None:
    rewrite(run, "run.json", change_json(lambda f: f | {"purgedBars": [25]}))
    with pytest.raises(ClmError, match="purgedBars has 1 entries for 2 folds"):
        verify(Storage(str(run)))


def test_a_member_that_was_changed_is_not_served(run: Path) -> None:
    path = next(run.rglob("member-1/model.txt"))
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(ClmError, match=r"member-1/model.txt is not what its manifest says"):
        load(f"{run}/manifest.json")
