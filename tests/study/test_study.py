"""The first ten seeds of each set come out exactly as the committed study says."""

import json
from typing import Any

import pytest
from tools.study.__main__ import SIZES, SLOW
from tools.study.seeds import LEAKING, MODES, STRENGTHS, Seed, leak_is_refused
from tools.study.shares import shares, table

from clm_trainer.features import STANDARD
from tests.support.repository import ROOT

SEEDS = 10
quick_study = pytest.mark.parametrize("family", ["xgboost", "lightgbm"])
FAMILIES = sorted(path.stem for path in (ROOT / "docs" / "study").glob("*.json"))
every_study = pytest.mark.parametrize("family", FAMILIES)


def committed(family: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "docs" / "study" / f"{family}.json").read_text()))


def counts(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {mode: [row[mode]["stage"] for row in rows] for mode in MODES}


@pytest.mark.slow
@quick_study
@pytest.mark.parametrize("name", ["noise", "planted"])
def test_the_verdicts_of_ten_seeds_are_those_of_the_study(name: str, family: str) -> None:
    made = [Seed(family, name, number).judged() for number in range(SEEDS)]
    assert counts(made) == counts(committed(family)["sets"][name][:SEEDS])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["blend", "xgboost-own"])
def test_the_first_market_of_a_model_beside_them_is_that_of_the_study(model: str) -> None:
    made = [Seed(model, "planted", 0).judged()]
    assert counts(made) == counts(committed(model)["sets"]["planted"][:1])


@pytest.mark.slow
def test_a_planted_leak_is_refused_and_the_same_market_without_it_is_not() -> None:
    assert leak_is_refused("xgboost", 0, LEAKING)
    assert not leak_is_refused("xgboost", 0, STANDARD)


@every_study
def test_the_committed_shares_follow_from_the_committed_seeds(family: str) -> None:
    study = committed(family)
    assert study["shares"] == shares(study["sets"])
    sizes = SIZES.get(family, SLOW)
    assert {name: len(rows) for name, rows in study["sets"].items()} == {
        name: sizes[name] for name in STRENGTHS
    }
    assert study["leaks"] == {"runs": sizes["leaks"], "refused": sizes["leaks"]}


@every_study
def test_the_table_in_the_docs_is_the_committed_study(family: str) -> None:
    page = (ROOT / "docs" / "study.md").read_text()
    for line in table(committed(family)):
        assert line.strip() in page
