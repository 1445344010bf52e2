"""Files of the reader's store: shown only if they are what was judged, in a sandbox."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import clm_cli.dashboard.store_files
from clm_cli.cluster import Cluster
from clm_cli.dashboard.actions import Ledger
from clm_cli.dashboard.app import Desk
from clm_cli.dashboard.files import Equity, File, Wanted
from clm_cli.dashboard.store_files import StoreFiles
from clm_cli.dashboard.world import Key
from tests.cli.dashboard.served import Served, at_noon, nowhere, served
from tests.cli.dashboard.worlds import judged, known, schedule, world_of
from tests.operator.units import builders

SHEET = b"<h1>tear sheet</h1><script>alert(1)</script>"
KEY = Key("trading", "btc-1")


def run_of(folder: Path) -> Path:
    return folder / "runs" / "trading" / "btc-eth" / "uid"


def published(folder: Path, **files: bytes) -> dict[str, Any]:
    """Write a run with these files; return what a version's status says of it."""
    place, entries = run_of(folder), []
    for name, content in files.items():
        path = place / "attempts" / "pod" / name.replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        entries.append(
            {"path": f"attempts/pod/{path.name}", "size": len(content), "format": "html",
             "sha256": hashlib.sha256(content).hexdigest()}
        )  # fmt: skip
    manifest = builders.report().manifest.to_json_dict() | {"attempt": "pod", "files": entries}
    listing = place / "manifest.json"
    listing.write_text(json.dumps(manifest))
    digest = hashlib.sha256(listing.read_bytes()).hexdigest()
    # As the cluster sees it: the reader's own address of the store is another one.
    uri = "s3://elsewhere/prefix/runs/trading/btc-eth/uid/manifest.json"
    return {"artifact": {"uri": uri, "sha256": digest, "sizeBytes": 1}, "podUid": "pod"}


def curve(bars: int) -> bytes:
    times = pd.date_range("2025-01-01", periods=bars, freq="h", tz="UTC")
    frame = pd.DataFrame({"time": times, "equity": [1.0 + i / bars for i in range(bars)]})
    return frame.to_parquet(index=False)


def found(folder: Path, file: File, status: dict[str, Any], files: StoreFiles | None = None) -> Any:
    owner = schedule()
    world = world_of(owner, judged(owner, "btc-1", **status))
    return (files or StoreFiles(str(folder), at_noon)).one(world, Wanted(KEY, file))


def test_equity_is_a_curve_in_seconds(tmp_path: Path) -> None:
    status = published(tmp_path, equity_parquet=curve(3))
    equity = found(tmp_path, File.EQUITY, status).equity
    assert equity == Equity((1735689600.0, 1735693200.0, 1735696800.0), (1.0, 1 + 1 / 3, 1 + 2 / 3))


def test_a_long_curve_is_thinned_and_keeps_its_ends(tmp_path: Path) -> None:
    status = published(tmp_path, equity_parquet=curve(30_000))
    times, values = astuple(found(tmp_path, File.EQUITY, status).equity)
    assert 2000 < len(times) <= 3001
    assert (values[0], values[-1]) == (1.0, 1 + 29_999 / 30_000)


def test_a_log_is_shown_as_far_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.dashboard.store_files, "LOG_BYTES", 3)
    status = published(tmp_path, log_jsonl=b"12345")
    assert found(tmp_path, File.LOG, status).content == b"123"


def test_a_log_of_a_pod_with_an_impossible_name_is_none(tmp_path: Path) -> None:
    status = published(tmp_path, log_jsonl=b"12345") | {"podUid": "../../x"}
    assert "can't be part of an object's path" in found(tmp_path, File.LOG, status).problem


BARE: dict[str, Any] = {
    "time": pd.to_datetime(["2025-01-01", "2025-01-02"], utc=True),
    "equity": [1.0, 1.1],
}
CURVES: list[tuple[str, dict[str, Any], str]] = [
    ("no bars", {"time": BARE["time"][:0], "equity": []}, "has no bars"),
    ("no equity", {"time": BARE["time"]}, "is not as this clm knows it"),
    ("words", BARE | {"equity": ["a", "b"]}, "is not as this clm knows it"),
    ("nothing known", BARE | {"equity": [None, None]}, "has no bars"),
]


@pytest.mark.parametrize(("name", "columns", "said"), CURVES, ids=[case[0] for case in CURVES])
def test_a_strange_curve_is_not_drawn(
    name: str, columns: dict[str, Any], said: str, tmp_path: Path
) -> None:
    status = published(tmp_path, equity_parquet=pd.DataFrame(columns).to_parquet(index=False))
    assert said in found(tmp_path, File.EQUITY, status).problem


def test_bars_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame(BARE | {"equity": [1.0, None]})
    status = published(tmp_path, equity_parquet=frame.to_parquet(index=False))
    assert found(tmp_path, File.EQUITY, status).equity == Equity((1735689600.0,), (1.0,))


def test_a_curve_of_more_bars_than_anybody_trains_on_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.dashboard.store_files, "_MOST_ROWS", 2)
    status = published(tmp_path, equity_parquet=curve(3))
    assert "more than 2 are not shown" in found(tmp_path, File.EQUITY, status).problem


def changed(folder: Path) -> None:
    (run_of(folder) / "attempts" / "pod" / "report.html").write_bytes(b"another")


def repinned(folder: Path) -> None:
    listing = run_of(folder) / "manifest.json"
    listing.write_text(listing.read_text() + " ")


def gone(folder: Path) -> None:
    (run_of(folder) / "attempts" / "pod" / "report.html").unlink()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (changed, "not the file that was judged"),
        (repinned, "not the manifest that was judged"),
        (gone, "the store holds no"),
    ],
)
def test_what_was_not_judged_is_not_shown(harm: Any, said: str, tmp_path: Path) -> None:
    status = published(tmp_path, report_html=SHEET)
    assert found(tmp_path, File.REPORT, status).content == SHEET
    harm(tmp_path)
    shown = found(tmp_path, File.REPORT, status)
    assert (shown.content, said in shown.problem) == (b"", True)


OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("no artifact", {"artifact": None}, "has no files: its phase is Succeeded"),
    ("an address that is none", {"artifact": {"uri": "file:///etc/passwd", "sha256": "0" * 64,
                                              "sizeBytes": 1}}, "is no address of a run"),
    ("an address outside the store", {"artifact": {
        "uri": "file:///runs/trading/../../etc/manifest.json", "sha256": "0" * 64,
        "sizeBytes": 1}}, "is no address of a run"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "said"), OTHERS, ids=lambda value: str(value)[:30])
def test_a_file_that_is_nowhere_says_so(
    name: str, status: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in found(tmp_path, File.REPORT, status).problem


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.dashboard.store_files, "MOST_BYTES", 10)
    status = published(tmp_path, report_html=SHEET)
    assert "more than 10 are not shown" in found(tmp_path, File.REPORT, status).problem


def test_a_judged_file_is_read_once(tmp_path: Path) -> None:
    status, files = published(tmp_path, report_html=SHEET), StoreFiles(str(tmp_path), at_noon)
    assert found(tmp_path, File.REPORT, status, files).content == SHEET
    gone(tmp_path)
    assert found(tmp_path, File.REPORT, status, files).content == SHEET


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("KUBECONFIG", str(nowhere(tmp_path)))
    owner, status = schedule(), published(tmp_path, report_html=SHEET)
    objects = known(owner, judged(owner, "btc-1", **status), judged(owner, "btc-2"))
    files = StoreFiles(str(tmp_path), at_noon)
    with served(Desk(objects, at_noon, Ledger(Cluster(None), at_noon), files)) as made:
        yield made


def test_a_tear_sheet_is_a_document_that_may_do_nothing(board: Served) -> None:
    reply = board.browser.get("/ns/trading/versions/btc-1/report")
    assert (reply.status, reply.text) == (200, SHEET.decode())
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert board.stranger.get("/ns/trading/versions/btc-1/report").status == 403
    assert board.browser.get("/ns/trading/versions/btc-2/report").status == 404
    assert board.browser.get("/ns/trading/versions/btc-9/report").status == 404


def test_without_a_store_there_is_no_tear_sheet(alone: Served) -> None:
    assert alone.browser.get("/ns/trading/versions/btc-1/report").status == 404
