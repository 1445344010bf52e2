import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from clm_api.report import MetricsFile
from clm_trainer.tearsheet import render
from tests.trainer.pipeline.sheets import METRICS, NOW, tear_sheet, trades

HOSTILE = '<script>alert("x")</script>'
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
]  # fmt: skip


def test_the_same_run_gives_the_same_page() -> None:
    assert render(tear_sheet()) == render(tear_sheet())


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    page = render(tear_sheet())
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page)
    assert not re.findall(r"url\((?!#)", page)


@pytest.mark.parametrize("field", ["title", "version", "run", "code_revision"])
def test_a_hostile_name_is_shown_not_run(field: str) -> None:
    page = render(tear_sheet(**{field: HOSTILE}))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_hostile_names_inside_tables_are_shown_not_run() -> None:
    page = render(
        tear_sheet(
            trades=trades(symbol=HOSTILE),
            origin=[HOSTILE],
            libraries={HOSTILE: HOSTILE},
            importance={HOSTILE: 1.0},
        )
    )
    assert "<script" not in page


def test_every_section_is_there() -> None:
    page = render(tear_sheet())
    for title in (
        "Verdict", "Equity", "Monthly returns", "Significance", "Costs", "Folds", "Trades",
        "Feature importance", "Data", "Parameters", "Reproduce",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in page
    for shown in ("REJECTED", "maxDrawdown 0.162 &gt; 0.15", "24.1 bp", "prefers-color-scheme"):
        assert shown in page


def test_no_stand_in_colour_is_left() -> None:
    assert "#01fe" not in render(tear_sheet())


def test_a_model_that_never_traded_has_a_page_too() -> None:
    names = ("maxDrawdown", "trades", "totalReturn", "turnover", "exposure")
    metrics = MetricsFile(
        metrics=dict.fromkeys(names, 0.0),
        undefined={"sharpe": "NoTrades", "winRate": "NoTrades"},
        bars=2160,
        trained_until=NOW,
    )
    page = render(tear_sheet(metrics=metrics, trades=trades(0), importance={}))
    assert "The model never traded." in page
    assert "sharpe is undefined: NoTrades" in page


def test_trades_beyond_the_newest_fifty_are_only_summarised() -> None:
    page = render(tear_sheet(trades=trades(70)))
    assert "Newest 50 of 70" in page
    assert page.count("2025-1") > 50


def test_monthly_returns_compound_to_the_equity() -> None:
    sheet = tear_sheet()
    total = sheet.equity["equity"].iloc[-1] - 1
    assert f"{total * 100:.1f} %" in render(sheet)


def test_a_real_browser_shows_it(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    assert browser, "chromium is needed: apt-get install chromium"
    page, shot = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(render(tear_sheet()))
    subprocess.run(
        [
            *CHROMIUM, f"--user-data-dir={tmp_path}/profile", "--window-size=1000,5200",
            f"--screenshot={shot}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    head = shot.read_bytes()[:24]
    assert struct.unpack(">II", head[16:24]) == (1000, 5200)
    assert shot.stat().st_size > 200_000, "the page is nearly empty"


def test_what_the_browser_lays_out_has_every_plot(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(tear_sheet(metrics=tear_sheet().metrics)))
    dom = subprocess.run(
        [*CHROMIUM, f"--user-data-dir={tmp_path}/profile", "--dump-dom", page.as_uri()],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    assert dom.count('<svg role="img"') == 4
    assert f"{METRICS['sharpe']:.2f}" in dom
