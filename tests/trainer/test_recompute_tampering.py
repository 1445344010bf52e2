"""Whoever changes a published run is found out, and what was changed is named."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.recompute import Group, verify
from clm_trainer.storage import Storage
from tests.support.attempts import change_frame, change_json, published_run, rewrite


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A real run of the test's own."""
    shutil.copytree(published_run(tmp_path_factory.getbasetemp()), tmp_path / "run")
    return tmp_path / "run"


def checked(run: Path) -> list[Group]:
    return verify(Storage(str(run)))


def said(groups: list[Group]) -> list[str]:
    return [str(one) for group in groups for one in group.differences]


@pytest.mark.parametrize("name", [
    "equity.parquet", "features.json", "folds.json", "metrics.json", "model/model.ubj",
    "predictions.parquet", "report.html", "run.json", "trades.parquet",
])  # fmt: skip
def test_one_changed_byte_is_found_and_the_file_named(run: Path, name: str) -> None:
    path = run / "attempts" / "pod-1" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ClmError, match=rf"^attempts/pod-1/{name}: sha256 \w+, the man") as caught:
        checked(run)
    assert caught.value.reason == "ArtifactCorrupt"


def test_all_files_that_differ_from_the_manifest_are_named(run: Path) -> None:
    folder = run / "attempts" / "pod-1"
    (folder / "report.html").unlink()
    (folder / "trades.parquet").write_bytes(b"short")
    with pytest.raises(ClmError) as caught:
        checked(run)
    assert "pod-1/report.html: listed in the manifest and missing" in caught.value.message
    assert "pod-1/trades.parquet: 5 bytes, the manifest says" in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attempt": "pod-2"}, "pod-1/equity.parquet: lies outside attempts/pod-2"),
        ({"files": []}, "manifest.json: List should have at least 1 item"),
        ({"files": ["report.html"]}, "manifest.json: lists no equity.parquet"),
    ],
    ids=["another attempt's files", "no files", "only the tear sheet"],
)
def test_a_manifest_that_does_not_hold_a_run(
    run: Path, change: dict[str, Any], message: str
) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    if change.get("files"):
        names = change["files"]
        kept = [f for f in manifest["files"] if f["path"].split("/")[-1] in names]
        change = {"files": kept}
    (run / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(ClmError, match=message) as caught:
        checked(run)
    assert caught.value.reason == "ArtifactCorrupt"


def cell(column: str, row: int, change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Change one value of a parquet file."""

    def change_cell(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[row], column] = change(frame[column].iloc[row])
        return frame

    return change_frame(change_cell)


def entry(*path: Any, to: Any) -> Callable[[bytes], bytes]:
    """Set one value of a JSON file."""

    def change_entry(content: Any) -> Any:
        place = content
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to
        return content

    return change_json(change_entry)


TAMPERED = [
    ("an equity a millionth higher", "equity.parquet", cell("equity", 500, lambda x: x + 1e-6),
     r"equity.parquet  equity  2025-11-23 02:00:00\+00:00  stored [\d.]+  recomputed [\d.]+"),
    ("an equity that is no number", "equity.parquet", cell("equity", 500, lambda _: math.nan),
     r"equity.parquet  equity  2025-11-23 02:00:00\+00:00  stored nan  recomputed [\d.]+"),
    ("costs left out", "equity.parquet", change_frame(lambda f: f.assign(cost=0.0)),
     r"equity.parquet  cost  2025-.*  stored 0.0  recomputed [\de.-]+"),
    ("a bar left out", "equity.parquet", change_frame(lambda f: f.drop(index=3)),
     r"equity.parquet  row  2025-11-02 09:00:00\+00:00  stored absent  recomputed present"),
    ("a column left out", "equity.parquet", change_frame(lambda f: f.drop(columns="benchmark")),
     r"equity.parquet  benchmark  stored absent  recomputed present"),
    ("a better trade", "trades.parquet", cell("net_pnl", 0, lambda x: x + 0.01),
     r"trades.parquet  net_pnl  BTC/USDT 2025-.*  stored [\d.-]+  recomputed [\d.-]+"),
    ("a trade left out", "trades.parquet", change_frame(lambda f: f.drop(index=0)),
     r"trades.parquet  row  BTC/USDT 2025-.*  stored absent  recomputed present"),
    ("a trade told twice", "trades.parquet",
     change_frame(lambda f: pd.concat([f, f.iloc[:1]])),
     r"trades.parquet  rows  stored \d+  recomputed \d+"),
    ("a trade made up", "trades.parquet", cell("symbol", 0, lambda _: "XRP/USDT"),
     r"trades.parquet  row  XRP/USDT 2025-.*  stored present  recomputed absent"),
    ("an open trade said to be closed, or the reverse", "trades.parquet",
     cell("closed", -1, lambda x: not x),
     r"trades.parquet  closed  ETH/USDT 2025-.*  stored (True|False)  recomputed (True|False)"),
    ("another exit", "trades.parquet", cell("exit_time", 0, lambda x: x + pd.Timedelta("1h")),
     r"trades.parquet  exit_time  BTC/USDT 2025-.*  stored 2025-.*  recomputed 2025-.*"),
    ("a better Sharpe ratio", "metrics.json", entry("metrics", "sharpe", to=99.5),
     r"metrics.json  metrics.sharpe  stored 99.5  recomputed [\d.-]+"),
    ("a metric made up", "metrics.json", entry("metrics", "luck", to=1.0),
     r"metrics.json  metrics.luck  stored 1.0  recomputed absent"),
    ("a metric that is no number", "metrics.json", entry("metrics", "sortino", to="high"),
     r"metrics.json  metrics.sortino  stored high  recomputed [\d.-]+"),
    ("a defined metric said to be undefined", "metrics.json",
     entry("undefined", "sharpe", to="NoTrades"),
     r"metrics.json  undefined.sharpe  stored NoTrades  recomputed absent"),
    ("another kurtosis", "metrics.json", entry("kurtosis", to=3.0),
     r"metrics.json  kurtosis  stored 3.0  recomputed [\d.]+"),
    ("trained later", "metrics.json", entry("trainedUntil", to="2025-12-03T05:00:00Z"),
     r"metrics.json  trainedUntil  stored 2025-12-03T05:00:00Z  recomputed 2025-12-02T05:00:00Z"),
    ("training into the test block", "folds.json", entry(1, "trainTo", to="2025-11-17T05:00:00Z"),
     r"folds.json  trainTo  fold 1  stored 2025-11-17T05:00:00Z  recomputed 2025-11-16T04:00:00Z"),
    ("a fold's trades", "folds.json", entry(0, "trades", to=99),
     r"folds.json  trades  fold 0  stored 99  recomputed \d+"),
    ("a fold left out", "folds.json", change_json(lambda folds: folds[:1]),
     r"folds.json  folds  stored 1  recomputed 2"),
    ("a bar of another fold", "predictions.parquet", cell("fold", 0, lambda _: 1),
     r"predictions.parquet  fold  2025-11-02 06:00:00\+00:00 BTC/USDT  stored 1  recomputed 0"),
    ("another position", "predictions.parquet", cell("position", 300, lambda x: 0.5 - x / 2),
     r"equity.parquet  equity  2025-11-08 .*  stored [\d.]+  recomputed [\d.]+"),
    ("another price", "predictions.parquet", cell("close", 700, lambda x: x * 1.01),
     r"equity.parquet  benchmark  2025-11-16 20:00:00\+00:00  stored [\d.]+  recomputed [\d.]+"),
    ("lower costs", "run.json", entry("spec", "costs", "feeBps", to=5.0),
     r"equity.parquet  cost  2025-.*  stored [\de.-]+  recomputed [\de.-]+"),
    ("more trials", "run.json", entry("spec", "trials", "count", to=1000),
     r"metrics.json  metrics.deflatedSharpe  stored [\de.-]+  recomputed [\de.-]+"),
    ("a longer window", "run.json", entry("spec", "evaluation", "periodDays", to=90),
     r"predictions.parquet  bars  stored 720  recomputed 2160"),
    ("a ruined sleeve made up", "run.json", entry("ruined", to=["BTC/USDT"]),
     r"run.json  ruined  stored \['BTC/USDT'\]  recomputed \[\]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "change", "found"),
    [case[1:] for case in TAMPERED],
    ids=[case[0] for case in TAMPERED],
)
def test_tampering_with_a_file_that_is_signed_anew_is_found_and_named(
    run: Path, file: str, change: Callable[[bytes], bytes], found: str
) -> None:
    rewrite(run, file, change)
    groups = checked(run)
    lines = said(groups)
    assert any(re.fullmatch(found, line) for line in lines), lines
    assert max(group.largest for group in groups) > 1e-9


UNUSABLE = [
    ("a file that is no parquet", "equity.parquet", lambda _: b"PAR1", "ArtifactCorrupt",
     "equity.parquet can't be read: "),
    ("a file that is no JSON", "metrics.json", lambda _: b"{", "ArtifactCorrupt",
     "metrics.json can't be read: JSONDecodeError"),
    ("metrics that are none", "metrics.json", lambda _: b"{}", "ArtifactCorrupt",
     "metrics.json can't be read: TypeError: no mappings"),
    ("folds that are none", "folds.json", lambda _: b"[1]", "ArtifactCorrupt",
     "folds.json can't be read: TypeError: a fold is no mapping"),
    ("a run without costs", "run.json", entry("spec", "costs", to={}), "ArtifactCorrupt",
     "run.json can't be read: KeyError: 'feeBps'"),
    ("no trials", "run.json", entry("spec", "trials", "count", to=0), "ArtifactCorrupt",
     "run.json can't be read: ValueError: symbols, folds and trials can't be none"),
    ("no column position", "predictions.parquet",
     change_frame(lambda f: f.drop(columns="position")), "ArtifactCorrupt",
     "predictions.parquet can't be read: KeyError: 'no column position'"),
    ("positions that are words", "predictions.parquet",
     change_frame(lambda f: f.assign(position="long")), "ArtifactCorrupt",
     "predictions.parquet can't be read: TypeError: column position is str"),
    ("a bar left out", "predictions.parquet", change_frame(lambda f: f.drop(index=[10, 11])),
     "MetricsRejected", "predictions.parquet: BTC/USDT is not on the full grid"),
    ("a symbol too many", "predictions.parquet",
     change_frame(lambda f: pd.concat([f, f.iloc[:1].assign(symbol="XRP/USDT")])),
     "MetricsRejected", "predictions.parquet: 1441 rows"),
    ("a price of 0", "predictions.parquet", cell("open", 10, lambda _: 0.0),
     "MetricsRejected", "predictions.parquet: BTC/USDT has a bar whose open or close is no price"),
    ("a short on spot", "predictions.parquet", cell("position", 10, lambda _: -0.5),
     "MetricsRejected", "predictions.parquet: BTC/USDT has a position outside [0, 1]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "change", "reason", "message"),
    [case[1:] for case in UNUSABLE],
    ids=[case[0] for case in UNUSABLE],
)
def test_files_that_cant_be_accounted_for_are_named(
    run: Path, file: str, change: Callable[[bytes], bytes], reason: str, message: str
) -> None:
    rewrite(run, file, change)
    with pytest.raises(ClmError) as caught:
        checked(run)
    assert caught.value.message.startswith(message)
    assert caught.value.reason == reason
