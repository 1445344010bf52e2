"""A run's numbers follow from its files, by code that shares nothing with what made them."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.run import RunTrials
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.recompute import Group, verify, verify_files
from clm_trainer.storage import Storage
from tests.support.attempts import change_frame, files_of, published_run
from tests.trainer.evaluation.markets import cases, real


def said(groups: list[Group]) -> list[str]:
    return [str(one) for group in groups for one in group.differences]


def test_a_real_run_follows_from_its_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    groups = verify(Storage(str(published_run(tmp_path_factory.getbasetemp()))))
    assert said(groups) == []
    found = [(group.name, group.checked) for group in groups]
    assert found[:2] == [("digests", "13 files"), ("equity", "720 rows")]
    assert [name for name, _ in found[2:]] == ["trades", "metrics", "folds"]
    assert max(group.largest for group in groups) < 1e-11


@st.composite
def trials(draw: st.DrawFn) -> RunTrials:
    variance = draw(st.none() | st.floats(0, 0.01))
    return RunTrials(count=draw(st.integers(1, 1000)), sharpe_variance=variance)


def no_full_short(play: Play) -> Play:
    """At 10000 bp, where break-even begins, topping a full short up costs all."""
    return replace(play, targets=np.maximum(play.targets, -0.99))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(cases(), trials(), st.integers(1, 2))
def test_wild_markets_are_accounted_for_alike(case: Play, tried: RunTrials, folds: int) -> None:
    files = files_of(no_full_short(case), trials=tried, folds=folds)
    assert said(verify_files(files)) == []


@settings(max_examples=15, deadline=None, derandomize=True)
@given(cases(), st.integers(0, 2**32 - 1))
def test_without_a_funding_file_the_events_are_those_at_the_bars_opens(
    case: Play, seed: int
) -> None:
    shape = case.targets.shape
    rng = np.random.default_rng(seed)
    due = rng.normal(0, 0.5, shape) * (rng.random(shape) < 0.3)
    funding = Funding(at_open=due, inside=np.zeros(due.shape))
    files = files_of(replace(no_full_short(case), funding=funding))
    del files["funding.parquet"]
    rate = np.where(due == 0, np.nan, due / 50).ravel()
    files["predictions.parquet"] = change_frame(
        lambda frame: frame.assign(funding_rate=rate, mark_price=50.0)
    )(files["predictions.parquet"])
    assert said(verify_files(files)) == []


def test_a_quarter_of_real_bars_with_a_profit_is_accounted_for_alike() -> None:
    panel = real(90)
    ahead = np.vstack([panel.close[1:] / panel.close[:-1], np.ones((1, 2))])
    noisy = ahead + np.random.default_rng(0).normal(0, 0.02, ahead.shape)
    targets = np.repeat(np.select([noisy > 1.02, noisy < 0.98], [0.5, -0.5], 0.0)[::6], 6, axis=0)
    tried = RunTrials(count=46, sharpe_variance=0.5 / 8766)
    files = files_of(Play(panel, targets, 13), trials=tried, folds=3)
    groups = verify_files(files)
    assert said(groups) == []
    assert max(group.largest for group in groups) < 1e-11
    assert not json.loads(files["metrics.json"])["undefined"], "every metric is defined here"


def test_funding_left_out_is_found() -> None:
    panel = real(90, symbols=1)
    due = np.where(np.arange(len(panel)) % 8 == 0, 1e-4, 0.0)[:, None] * panel.open
    targets = np.full(panel.close.shape, 0.5)
    files = files_of(Play(panel, targets, 13, Funding(due, np.zeros(due.shape))))
    assert said(verify_files(files)) == []
    events = pd.read_parquet(io.BytesIO(files["funding.parquet"]))
    files["funding.parquet"] = change_frame(lambda f: f.iloc[:-1])(files["funding.parquet"])
    bar = events["time"].iloc[-1].round("h")
    assert any(
        line.startswith(f"equity.parquet  funding  {bar}") for line in said(verify_files(files))
    )
