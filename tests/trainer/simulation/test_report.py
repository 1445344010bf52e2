"""The report of a simulation: honest, readable on a telephone, and deaf to hostile names."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clm_api.past import covering_run
from clm_api.report import FileFormat, ManifestFile
from clm_api.simulation_task import SimulationTask, TaskVariant, VariantOrigin
from clm_trainer.simulation.choice import Choice
from clm_trainer.simulation.report import Report, Shown, render
from tests.trainer.pipeline.browser import laid_out, printed
from tests.trainer.pipeline.sheets import METRICS, NOW, equity
from tests.trainer.simulation.simulations import POD, START, STOP, schedule

HOSTILE = '<script>alert("x")</script>'
NAMES = ("as-is", "seed-8", "longer-horizon-and-a-name-of-40-letters-")
SCHEDULES = (
    schedule(),
    schedule(model={"seed": 8}),
    schedule(target={"horizonBars": 48}, promotion={"criteria": {"minSharpe": 2}}),
)


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "slot": f"2025-11-{number + 1:02d}T00:00:00+00:00", "stage": "REJECTED",
        "reason": "CriteriaFailed", "sharpe": 0.4, "winRate": 0.5, "profitFactor": 1.1,
        "maxDrawdown": 0.12, "trades": 41.0, "psr": 0.6, "deflatedSharpe": 0.31,
        "nextSharpe": -0.2, "nextReturn": -0.013, **changes,
    }  # fmt: skip


def facts(rows: int = 6, **changes: Any) -> dict[str, Any]:
    absent = dict.fromkeys(
        ("sharpe", "maxDrawdown", "trades", "deflatedSharpe", "nextSharpe", "nextReturn")
    )
    history = [
        row(0, stage="CANDIDATE", reason="CriteriaPassed"),
        row(1, stage="FAILED", reason="DataGap: a hole of 30 bars", **absent),
        *(row(number) for number in range(2, rows)),
    ]
    group = {"versions": 1, "mean_sharpe": 0.3, "median_sharpe": 0.3, "mean_return": 0.01}
    none = {"versions": 0, "mean_sharpe": None, "median_sharpe": None, "mean_return": None}
    return {
        "versions": rows, "failed": 1, "passed": 1, "production": METRICS,
        "buyAndHold": {"totalReturn": 0.31, "maxDrawdown": 0.4, "worstBar": -0.1},
        "nextPeriod": {"passed": group, "rejected": none, "gateCorrelation": -0.25},
        "overfitting": {"probability": 0.45, "versions": 12, "reason": ""},
        "promotions": [{"slot": "2025-11-01T00:00:00+00:00", "replaced": None}],
        "history": history, **changes,
    }  # fmt: skip


NEVER = facts(
    passed=0, promotions=[], production={"totalReturn": 0.0, "maxDrawdown": 0.0, "trades": 0}
)


def shown(number: int, **changes: Any) -> Shown:
    run = covering_run(SCHEDULES[number], START, STOP, POD)
    origin = VariantOrigin(
        name=NAMES[number], image="clm-trainer:test", seed=7, from_=run.data.from_, to=STOP,
        bars=51022, bars_sha256="ab" * 32, fingerprint="cd" * 32,
    )  # fmt: skip
    made = Shown(NAMES[number], run, facts(), equity(), origin, (0.97, 0.4, 0.2)[number])
    return replace(made, **changes)


def report(**changes: Any) -> Report:
    variants = [
        TaskVariant(name=name, schedule=spec, run=covering_run(spec, START, STOP, POD), indices=2)
        for name, spec in zip(NAMES, SCHEDULES, strict=True)
    ]
    worse = facts(production=METRICS | {"sharpe": -0.5, "totalReturn": -0.2})
    made = Report(
        title="weekly",
        uid="5f0b1a66-3c1f-4a43-9d1d-0d6e5f6f7a10",
        task=SimulationTask(from_=START, to=STOP, variants=variants),
        task_sha256="ef" * 32,
        variants=[shown(0), shown(1, facts=worse), shown(2, facts=NEVER, deflated_sharpe=None)],
        choice=Choice(0.42, 31),
        judged=1234,
        tries=3702,
        files=[
            ManifestFile(
                path="attempts/pod/results.json", size=1234567, sha256="cd" * 32,
                format=FileFormat.JSON,
            )
        ],
        libraries={"numpy": "2.4.1", "xgboost": "3.2.0"},
        code_revision="0.1.0",
        git_revision="4f1c" * 10,
        created_at=NOW,
    )  # fmt: skip
    return replace(made, **changes)


def text(page: str) -> str:
    """The words of a page, without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_same_simulation_gives_the_same_page_that_needs_nothing_from_elsewhere() -> None:
    page = render(report())
    assert render(report()) == page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page)


def test_it_says_what_each_variant_would_have_earned() -> None:
    said = text(render(report()))
    for sentence in (
        "Simulation of 2025-11-01 to 2025-11-29 · 3 variants · 1 234 judged versions",
        "as-is made 8.1 % after costs; buying and holding made 31.0 %. 1 of 5 versions passed",
        "seed-8 lost 20.0 % after costs; buying and holding made 31.0 %.",
        "0 of 5 versions passed the gate, so nothing was traded; buying and holding made 31.0 %.",
        "Probability of backtest overfitting: 0.42 among 31 versions of all variants. In 42 % of",
        "confidence above the luck of 3 702 tries",
        "a try, once for each of its seeds.",
        "model.seed",
        "promotion.criteria.minSharpe",
    ):
        assert sentence in said, sentence


@pytest.mark.parametrize(
    ("changes", "badge"),
    [
        ({}, "Above luck"),
        ({"variants": [shown(0, deflated_sharpe=0.94)]}, "Not above luck"),
        ({"variants": [shown(0, facts=NEVER, deflated_sharpe=None)]}, "Never traded"),
    ],
    ids=["95 %", "less", "nothing passed"],
)
def test_the_badge_is_of_the_best_variant_after_all_tries(
    changes: dict[str, Any], badge: str
) -> None:
    found = re.search(r'<div class="stage \w+">([^<]+)<', render(report(**changes)))
    assert found
    assert found.group(1) == badge


def test_what_is_unknown_says_why() -> None:
    choice = Choice(None, 3, "3 versions share the last 720 bars; 10 are needed")
    assert "is unknown: 3 versions share the last 720 bars" in text(render(report(choice=choice)))


def test_many_versions_are_cut_and_the_file_that_has_all_is_named() -> None:
    history = [row(number % 28) for number in range(6000)]
    one = shown(0, facts=facts(history=history, versions=6000))
    page = render(report(variants=[one]))
    assert "The last 5 000 of 6 000; variants/as-is/simulation.json has all." in text(page)
    assert page.count("Criteria failed") == 5000


def test_hostile_names_are_shown_not_run() -> None:
    hostile = shown(0, facts=facts(history=[row(0, reason=HOSTILE)]))
    page = render(
        report(title=HOSTILE, variants=[hostile], choice=Choice(None, 0, HOSTILE),
               libraries={HOSTILE: HOSTILE})
    )  # fmt: skip
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen(width: int, tmp_path: Path) -> None:
    found = laid_out(render(report()).replace("<details>", "<details open>"), width, tmp_path)
    assert found["width"] <= width
    assert found["outside"] == []
    (plot,) = found["plots"]
    assert not plot["overlap"]
    assert plot["letters"] >= 10
    assert found["letters"] >= 11


def test_on_paper_it_begins_with_the_answer(tmp_path: Path) -> None:
    lines = printed(render(report()), tmp_path)
    assert lines[0].text.startswith("weekly")
    first = [line.text for line in lines if line.page == 0]
    assert "Would it have made money?" in first
