"""The study of the performance rule: its first stream comes out the same, and so does its page."""

import json
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from tools.study import degradation, history
from tools.study.degradation import FIRST_SEED, SCENARIOS, Scenario, alarm, best, summary, table
from tools.study.streams import BARS_PER_YEAR, Stream, edge_of, stream

from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "monitoring.md").read_text()
committed: dict[str, Any] = json.loads(degradation.RESULTS.read_text())
months: list[dict[str, Any]] = json.loads(history.RESULTS.read_text())


@cache
def first() -> Stream:
    return stream(FIRST_SEED)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: str(one.name))
def test_the_first_stream_is_judged_as_the_study_says(scenario: Scenario) -> None:
    found = alarm(scenario, scenario.edges(committed["edges"]), first(), 0)
    assert found == committed["scenarios"][scenario.name]["alarms"][0]


@pytest.mark.slow
def test_a_stream_has_the_edge_that_was_added() -> None:
    edge = edge_of([first()], 3.0)
    earned = first().returns + edge * first().risk
    sharpe = earned.mean() / earned.std() * np.sqrt(BARS_PER_YEAR)
    assert sharpe == pytest.approx(3.0, abs=0.01)
    half = replace(SCENARIOS[0], before=3.0, after=-1.0, turn_day=90)
    edges = half.edges({"3": 1.0, "-1": -1.0})
    assert (edges[: 90 * 24] == 1).all()
    assert (edges[90 * 24 :] == -1).all()


def test_the_shares_follow_from_the_alarms() -> None:
    assert committed["seeds"] == degradation.SEEDS
    for scenario in SCENARIOS:
        one = committed["scenarios"][scenario.name]
        assert len(one["alarms"]) == degradation.SEEDS
        assert one["summary"] == summary(scenario, one["alarms"])


def test_a_version_that_earns_as_promised_is_seldom_called_degraded() -> None:
    for name in ("promised 3, earns 3", "promised 1.5, earns 1.5"):
        assert committed["scenarios"][name]["summary"]["alarms"] <= 0.25


def test_no_test_can_find_more_than_is_said() -> None:
    """Φ(4 √(45 / 365.25) − 0.6745) = Φ(0.7296)."""
    assert committed["best"] == pytest.approx(0.7672, abs=1e-4)
    assert best(4.0, 45, 0.25) == committed["best"]


def test_the_page_has_the_committed_figures() -> None:
    for line in [*table(committed), *history.table(months)]:
        assert line in PAGE


@pytest.mark.slow
def test_a_month_of_the_real_history_comes_out_the_same() -> None:
    month = datetime.fromisoformat(f"{months[0]['month']}-01T00:00:00+00:00")
    assert history.replayed(month) == months[0]
