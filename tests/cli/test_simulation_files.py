"""Files of an ended Simulation: shown only if they are the ones that were verified."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clm_api.simulation_task import SimulationManifest
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.test_report import opened
from tests.cli.test_simulate_cluster import VARIANTS, ended, simulation
from tests.cli.test_versions import refused, text

Raw = dict[str, Any]
SHEET = b"<h1>three ways</h1>"
GROUP = {"versions": 4, "mean_sharpe": 0.25, "median_sharpe": None}
FACTS = {
    "from": "2024-01-01T00:00:00+00:00", "to": "2024-02-29T23:00:00+00:00",
    "versions": 8, "failed": 1, "passed": 1,
    "production": {"totalReturn": 0.05, "maxDrawdown": 0.1, "sharpe": 0.4},
    "buyAndHold": {"totalReturn": 0.7, "maxDrawdown": 0.4},
    "nextPeriod": {"passed": GROUP, "rejected": GROUP, "gateCorrelation": -0.1},
    "overfitting": {"probability": 0.5, "versions": 7, "reason": ""},
    "promotions": [{"slot": "2024-01-08T00:00:00+00:00", "replaced": None}],
}  # fmt: skip


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def published(api: Namespace, folder: Path, files: dict[str, bytes]) -> Path:
    """Put an ended simulation with these files; return its folder."""
    raw = api.put(simulation(variants=VARIANTS) | {"status": {}})
    place = folder / f"store/simulations/{api.name}/choice/{raw['metadata']['uid']}"
    entries = []
    for name, content in files.items():
        path = place / "attempts/pod" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        form = name.rpartition(".")[2]
        entries.append({"path": f"attempts/pod/{name}", "size": len(content), "format": form,
                        "sha256": digest(content)})  # fmt: skip
    origin = {"name": "as-is", "image": "trainer:1", "seed": 7, "from": "2023-01-01T00:00:00Z",
              "to": "2024-03-01T00:00:00Z", "bars": 1, "barsSha256": "0" * 64,
              "fingerprint": "0" * 64}  # fmt: skip
    manifest = SimulationManifest.model_validate(
        {
            "attempt": "pod", "files": entries, "taskSha256": "0" * 64, "codeRevision": "1",
            "libraries": {}, "variants": [origin], "createdAt": "2025-12-02T12:00:00Z",
        }
    )  # fmt: skip
    listing = place / "manifest.json"
    listing.write_text(manifest.model_dump_json(by_alias=True))
    pinned = {"uri": listing.as_uri(), "sha256": digest(listing.read_bytes()), "sizeBytes": 1}
    there = {"artifact": pinned, "uri": place.as_uri(),
             "reportUri": (place / "attempts/pod/report.html").as_uri()}  # fmt: skip
    api.put(simulation() | {"status": ended(2, **there)})
    return place


def test_its_report_is_shown_in_the_browser(api: Namespace, tmp_path: Path) -> None:
    place = published(api, tmp_path, {"report.html": SHEET})
    sheet = place / "attempts/pod/report.html"
    assert text("report", "choice") == f"{sheet.as_uri()}\n"
    document = {"simulation": "choice", "reportUri": sheet.as_uri()}
    assert json.loads(text("report", "choice", "-o", "json")) == document
    done = opened("choice", tmp_path)
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "opened").read_text().strip().removeprefix("file://")
    assert Path(shown).read_bytes() == SHEET


def test_one_without_a_report_says_how_far_it_is(api: Namespace) -> None:
    status = {"phase": "Running", "reason": "Simulating"}
    api.put(simulation() | {"status": status})
    assert "choice has no report: its phase is Running (Simulating)" in refused("report", "choice")


@pytest.mark.parametrize(
    ("file", "said"),
    [("attempts/pod/report.html", "not the file"), ("manifest.json", "not the manifest")],
)
def test_a_report_that_was_changed_is_not_shown(
    file: str, said: str, api: Namespace, tmp_path: Path
) -> None:
    changed = published(api, tmp_path, {"report.html": SHEET}) / file
    changed.write_bytes(changed.read_bytes() + b"\n")
    done = opened("choice", tmp_path)
    assert (done.returncode, (tmp_path / "opened").exists()) == (1, False)
    assert f"{said} that was judged" in done.stderr


def test_with_the_store_each_variant_has_the_lines_of_the_local_command(
    api: Namespace, tmp_path: Path
) -> None:
    names = ["as-is", "deep"]
    content = json.dumps(FACTS).encode()
    published(api, tmp_path, {f"variants/{name}/simulation.json": content for name in names})
    path = tmp_path / "sim.yaml"
    path.write_text(json.dumps(simulation(variants=VARIANTS)))
    words = ["simulate", "--cluster", str(path), "-f", "--store", str(tmp_path / "store")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith(("as-is  ", "deep  "))][:2] == [
        f"{name:<13} 2024-01-01..2024-02-29  8 versions, 1 failed" for name in names
    ]
    group = "4: sharpe mean 0.25 median –"
    assert lines[5] == f"next period   passed {group}; rejected {group}"
    assert len(lines) == 2 * 9 + 3 + 2 + 1
