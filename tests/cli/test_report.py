"""``clm report``: what is shown is what was judged."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.cli.test_versions import put_two, refused, text
from tests.operator.units import builders

SHEET = b"<h1>tear sheet</h1>"


def published(folder: Path) -> dict[str, Any]:
    """Write a run with a report alone; return what a version's status says of it."""
    name = "attempts/pod/report.html"
    entry = {"path": name, "size": len(SHEET), "format": "html"}
    manifest = builders.report().manifest.to_json_dict()
    manifest["attempt"], manifest["files"] = "pod", [{**entry, "sha256": digest(SHEET)}]
    place = folder / "store" / "runs" / "trading" / "btc-eth" / "uid"
    sheet, listing = place / name, place / "manifest.json"
    sheet.parent.mkdir(parents=True)
    sheet.write_bytes(SHEET)
    listing.write_text(json.dumps(manifest))
    pinned = {"uri": listing.as_uri(), "sha256": digest(listing.read_bytes()), "sizeBytes": 1}
    return {"artifact": pinned, "reportUri": sheet.as_uri()}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def opened(name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {folder}/opened\n')
    browser.chmod(0o755)
    environment = os.environ | {"BROWSER": f"{browser} %s", "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "clm_cli", "report", name, "--open"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_report_is_shown_in_the_browser(api: Namespace, tmp_path: Path) -> None:
    there = published(tmp_path)
    owner = api.put(schedule())
    api.put(judged(owner, "btc-1", **there))
    assert text("report", "btc-1") == f"{there['reportUri']}\n"
    document = {"version": "btc-1", "reportUri": there["reportUri"]}
    assert json.loads(text("report", "btc-1", "-o", "json")) == document
    done = opened("btc-1", tmp_path)
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "opened").read_text().strip().removeprefix("file://")
    assert shown == done.stdout.strip()
    assert Path(shown).read_bytes() == SHEET


@pytest.mark.parametrize(
    ("file", "said"),
    [("attempts/pod/report.html", "not the file"), ("manifest.json", "not the manifest")],
)
def test_a_report_that_was_changed_is_not_shown(
    file: str, said: str, api: Namespace, tmp_path: Path
) -> None:
    there = published(tmp_path)
    api.put(judged(api.put(schedule()), "btc-1", **there))
    changed = tmp_path / "store" / "runs" / "trading" / "btc-eth" / "uid" / file
    changed.write_bytes(changed.read_bytes().replace(b"tear", b"new") + b"\n")
    done = opened("btc-1", tmp_path)
    assert (done.returncode, (tmp_path / "opened").exists()) == (1, False)
    assert f"{said} that was judged" in done.stderr


def test_a_report_that_no_manifest_lists_is_not_shown(api: Namespace, tmp_path: Path) -> None:
    there = published(tmp_path)
    other = {"reportUri": (tmp_path / "other.html").as_uri()}
    api.put(judged(api.put(schedule()), "btc-1", **there | other))
    assert "lists no file://" in opened("btc-1", tmp_path).stderr


def test_a_schedules_report_is_productions_else_the_newest(api: Namespace) -> None:
    put_two(api)
    assert text("report", "btc-eth") == text("report", "btc-2")
    owner = api.put(schedule("fresh"))
    assert "no version has a report yet" in refused("report", "fresh")
    for name, hour in (("fresh-1", 6), ("fresh-2", 7)):
        uri = f"s3://clm/{name}/report.html"
        api.put(judged(owner, name, slot=f"2025-12-02T0{hour}:00:00Z", reportUri=uri))
    assert text("report", "fresh") == "s3://clm/fresh-2/report.html\n"
    assert "no TrainingSchedule, ModelVersion or Simulation is" in refused("report", "nope")


def test_a_run_without_a_report_says_so(api: Namespace) -> None:
    owner = api.put(schedule())
    api.put(
        judged(owner, "btc-1", phase="Failed", stage="FAILED", reason="DataGap", reportUri=None)
    )
    assert refused("report", "btc-1") == "btc-1 has no report: its phase is Failed (DataGap)"
