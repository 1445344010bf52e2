import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.promotion import CriterionVerdict, Verdict
from clm_api.report import MetricsFile
from clm_cli.local import LOCAL_POD
from clm_trainer.features import build_features
from clm_trainer.tearsheet import formats, provenance, render, words
from tests.trainer.evaluation.markets import real
from tests.trainer.pipeline.browser import laid_out, printed
from tests.trainer.pipeline.sheets import (
    NOW,
    equity,
    in_production,
    run_spec,
    tear_sheet,
    trades,
)

HOSTILE = '<script>alert("x")</script>'


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
        "Verdict", "Performance", "Equity", "Worst drawdowns", "Monthly returns", "Symbols",
        "Against production", "Significance", "Score and what followed", "Costs", "Folds",
        "Trades", "Feature importance", "Data", "Settings", "Reproduce",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in page
    for shown in ("Rejected", "at most 15.0 %", "24.1 bp", "prefers-color-scheme", "4f1c" * 10):
        assert shown in page


MACHINE_WORDS = (
    "maxDrawdown", "winRate", "profitFactor", "breakEvenBps", "deflatedSharpe", "totalReturn",
    "CriteriaFailed", "NoTrades", "NoLosses", "REJECTED", "usdm", "longFlat", "xgboost on", "ret24",
    "emad12", "feeBps", "takeProfitSigmas",
)  # fmt: skip


def test_a_person_s_words_stand_for_those_of_machines() -> None:
    metrics = MetricsFile(
        metrics={"maxDrawdown": 0.0, "trades": 0.0, "totalReturn": 0.0},
        undefined={"sharpe": "NoTrades", "profitFactor": "NoLosses", "winRate": "NoTrades"},
        bars=2160,
        trained_until=NOW,
    )
    shares = {"ret24": 0.5, "emad12": 0.3, "hour_sin": 0.15, "hour_cos": 0.05}
    page = render(tear_sheet(metrics=metrics, importance=shares))
    assert [word for word in MACHINE_WORDS if word in page] == []
    for said in ("return over 24 bars", "hour of the day", "Profit factor is undefined: there was"):
        assert said in page


def test_an_own_feature_set_is_named_as_it_is() -> None:
    own = {"set": "myPackage.fastMomentum", "params": {"windowBars": 48}}
    page = render(tear_sheet(spec=run_spec(model={"features": own})))
    assert "myPackage.fastMomentum" in page
    assert "windowBars" in page


def test_it_says_how_many_bars_were_purged_whatever_the_labels_length() -> None:
    sheet = tear_sheet()
    assert "25 bars are purged between" in render(sheet)
    first, *others = sheet.folds
    early = first.model_copy(update={"train_to": first.train_to - pd.Timedelta(hours=3976)})
    assert "25 to 4001 bars are purged between" in render(tear_sheet(folds=(early, *others)))


def test_every_feature_has_a_person_s_words() -> None:
    names = build_features(real(40)).names
    assert [name for name in names if words.feature(name) == name] == []


@pytest.mark.parametrize(
    ("value", "threshold", "texts"),
    [
        (1.5, 1.0, ("1.50", "at least 1.00")),
        (0.9996, 1.0, ("0.9996", "at least 1.0000")),
        (1.0, 1.0, ("1.00", "at least 1.00")),
        (None, 1.0, ("undefined", "at least 1.00")),
    ],
    ids=["two digits", "as many as show the difference", "equal", "undefined"],
)
def test_what_was_reached_never_looks_like_what_it_missed(
    value: float | None, threshold: float, texts: tuple[str, str]
) -> None:
    one = CriterionVerdict(
        name="sharpe", value=value, threshold=threshold, operator="≥", verdict=Verdict.FAILED
    )
    assert (words.reached(one), words.threshold(one)) == texts


def test_plots_follow_light_and_dark() -> None:
    page = render(tear_sheet())
    plots = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    colours = set(re.findall(r"(?:fill|stroke):([^;\"]*)", plots))
    assert colours >= {"var(--model)", "var(--grid)", "var(--text)", "none"}
    for colour in colours - {"none"}:
        variable = colour.removeprefix("var(").removesuffix(")")
        assert page.count(f" {variable}: #") >= 2, f"{variable}: for light, and for dark"


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
    assert "Sharpe ratio is undefined: there was no closed trade." in page


def test_all_trades_are_there_and_folded() -> None:
    made = trades(70)
    page = render(tear_sheet(trades=made))
    folded = page[page.index("<summary>All 70 trades") :].split("</details>")[0]
    times = [f"{t:%Y-%m-%d %H:%M}" for t in made["entry_time"]]
    assert [folded.count(f">{time}</td>") for time in times] == [1] * 70
    assert folded.count("still open") == 1


def test_more_trades_than_a_browser_likes_point_to_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clm_trainer.tearsheet.trades.MOST_ROWS", 50)
    assert "The newest 50 of 70 trades; trades.parquet has them all" in render(tear_sheet())


def test_the_comparison_is_on_the_bars_that_both_were_judged_on() -> None:
    page = render(tear_sheet(production=in_production(hours=2160 - 24)))
    assert "On the 24 bars that both were judged on, 2025-09-03 06:00 to 2025-09-04 05:00" in page
    returns = equity()["net_return"].to_numpy()
    ours, theirs = (np.prod(1 + some) - 1 for some in (returns[:24], returns[-24:]))
    table = page[page.index("On the 24 bars") :].split("</table>")[0]
    for total in (ours, theirs):
        assert f">{formats.percent(float(total))}</td>" in table
    assert "There are no bars that both" in render(tear_sheet(production=in_production(2160)))
    assert "Nobody was there." in render(tear_sheet(production="Nobody was there."))


@pytest.mark.parametrize(
    ("image", "digest"),
    [
        ("ghcr.io/clm-trainer@sha256:" + "ab" * 32, "sha256:" + "ab" * 32),
        ("clm-trainer:1", "not pinned: the image was named by its tag alone"),
        (LOCAL_POD["image"], "none: the run was made without an image"),
    ],
    ids=["pinned", "by its tag", "without a cluster"],
)
def test_the_image_s_digest_is_shown_where_the_image_has_one(image: str, digest: str) -> None:
    assert provenance.image_digest(image) == digest


def test_monthly_returns_compound_to_the_equity() -> None:
    sheet = tear_sheet()
    total = sheet.equity["equity"].iloc[-1] - 1
    assert f"{total * 100:.1f} %" in render(sheet)


@pytest.fixture(scope="module")
def page() -> str:
    """A sheet with many symbols' worth of everything, none of it short."""
    long = "a-schedule-with-a-name-as-long-as-they-come-0123456789-x"
    return render(tear_sheet(title=long, version=f"{long}-29410920"))


PLOTS = [
    "Equity of the model against buy and hold", "Drawdown", "Rolling Sharpe ratio",
    "Equity of each symbol", "Mean realised return by tenth of the score",
    "Train and test span of each fold", "Feature importance",
]  # fmt: skip


@pytest.mark.parametrize(("width", "letters"), [(390, 10), (1280, 10)], ids=["390 px", "1280 px"])
def test_the_page_is_readable_on_a_screen(
    page: str, width: int, letters: int, tmp_path: Path
) -> None:
    found = laid_out(page, width, tmp_path)
    assert found["width"] <= width, "the page must not be pushed sideways"
    assert found["outside"] == []
    assert [plot["name"] for plot in found["plots"]] == PLOTS, "one of each, the one that fits"
    assert found["letters"] >= 11
    for plot in found["plots"]:
        assert plot["letters"] >= letters, f"{plot['name']}: letters too small to read"
        assert not plot["overlap"], f"{plot['name']}: labels lie on each other"


@pytest.mark.parametrize("width", [390, 1280], ids=["390 px", "1280 px"])
def test_plots_over_time_share_their_margins(page: str, width: int, tmp_path: Path) -> None:
    plots = {plot["name"]: plot["axes"] for plot in laid_out(page, width, tmp_path)["plots"]}
    wanted = plots["Equity of the model against buy and hold"]
    for name in ("Drawdown", "Rolling Sharpe ratio", "Equity of each symbol"):
        assert plots[name] == pytest.approx(wanted, abs=1)


FIGURES = (
    "Equity", "Drawdown (dashed", "Sharpe ratio of the last", "Symbols", "Score and what",
    "Folds", "Feature importance",
)  # fmt: skip
TABLES = ("Verdict", "Performance", "Worst drawdowns", "Monthly returns", "Against production")


def test_on_paper_no_heading_is_parted_from_what_it_heads(page: str, tmp_path: Path) -> None:
    lines = printed(page, tmp_path)
    for heading in (*FIGURES, *TABLES, "Significance", "Costs", "Trades", "Data", "Settings"):
        place = next(i for i, line in enumerate(lines) if line.text.startswith(heading))
        head, after = lines[place], lines[place + 1]
        assert after.page == head.page, f"{heading} stands alone at the foot of a sheet"
        if heading in FIGURES:
            below = [line for line in lines if line.page == head.page and line.top > head.top]
            assert below[-1].top - head.top > 50, f"{heading}: its plot is on another sheet"


def test_on_paper_the_heads_of_a_long_table_are_repeated(tmp_path: Path) -> None:
    page = render(tear_sheet(trades=trades(200))).replace("<details>", "<details open>")
    lines = printed(page, tmp_path)
    texts = [line.text for line in lines]
    begin, end = texts.index("All 200 trades, times in UTC"), texts.index("Feature importance")
    table = lines[begin + 1 : end]
    rows = {line.page for line in table if re.fullmatch(r"[\d-]{10} [\d:]{5}", line.text)}
    heads = {line.page for line in table if line.text == "exit price"}
    assert len(rows) >= 3
    assert rows <= heads


def test_a_page_without_any_trade_is_readable_too(tmp_path: Path) -> None:
    metrics = MetricsFile(metrics={"maxDrawdown": 0.0, "trades": 0.0}, bars=2160, trained_until=NOW)
    flat = equity().assign(equity=1.0, net_return=0.0)
    page = render(tear_sheet(metrics=metrics, trades=trades(0), equity=flat, importance={}))
    assert "The equity never fell below an earlier value." in page
    found = laid_out(page, 390, tmp_path)
    assert (found["width"] <= 390, found["outside"]) == (True, [])
