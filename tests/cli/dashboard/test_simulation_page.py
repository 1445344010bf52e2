"""Simulations: progress, results, and what choosing the best is worth."""

from typing import Any

import pytest

from clm_cli.dashboard.pages import simulation, simulations
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key
from tests.cli.dashboard import worlds
from tests.cli.dashboard.lived import fleet
from tests.cli.dashboard.worlds import NAMESPACE, world_of

WORLD = world_of(*fleet())


def page(name: str, **status: Any) -> simulation.Simulation:
    world = world_of(worlds.simulation(name, **status)) if status else WORLD
    return simulation.page(world, Query(key=Key(NAMESPACE, name)))


def test_a_simulation_that_goes_on_says_how_far_each_variant_is() -> None:
    going = page("going")
    assert (going.percent, going.words) == (36, "400 of 1095 slots are trained")
    assert going.ends is not None
    assert going.ends.relative == "in 2 h"
    rows = [(row.name, row.percent, row.words) for row in going.rows]
    assert rows == [("as-is", 54, "200 of 365"), ("deep", 0, "0 of 0"), ("strict", 0, "0 of 0")]
    assert (going.overfitting, going.report) == ("", "")


def test_one_that_has_ended_names_the_best_and_warns() -> None:
    ended = page("choice")
    assert [row.name for row in ended.rows if row.best] == ["deep"]
    assert ended.ends is None
    assert (ended.report, "--store" in ended.report_words) == ("", True)
    query = Query(key=Key(NAMESPACE, "choice"), store=True)
    assert simulation.page(WORLD, query).report == "/ns/trading/simulations/choice/report"
    assert ended.rows[1].patch == '{"model": {"xgboost": {"maxDepth": 5}}}'


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.62, "62 %: the best of these tries is more likely below the median"),
        (0.5, "Choosing by these figures is worth nothing"),
        (0.3, "weak evidence"),
        (0.05, "5 %: the best of these tries mostly stays above the median"),
        (None, ""),
    ],
)
def test_the_probability_of_overfitting_is_put_into_words(chance: float | None, words: str) -> None:
    assert words in page("one", overfittingProbability=chance, phase="Succeeded").overfitting


def test_the_list_has_the_newest_first_and_an_empty_one_says_what_to_do() -> None:
    rows = simulations.page(WORLD, Query()).rows
    assert [(row.name, row.percent, row.sharpe, row.overfitting) for row in rows] == [
        ("going", 36, "–", "–"),
        ("choice", 100, "1.05", "62 %"),
    ]
    assert "clm simulate --cluster" in simulations.page(world_of(), Query()).empty
