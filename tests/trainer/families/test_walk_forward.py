"""The whole run on bars: every fold, one backtest, and what is said about it."""

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Panel
from clm_trainer.stages.backtest import Evaluated
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import Trained, train
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.runs import context, quick, run

Run = tuple[Dataset, Trained, Evaluated]


@pytest.fixture(scope="module")
def made() -> Run:
    return run(real(260), quick())


def test_every_bar_of_the_window_is_predicted_by_its_own_fold(made: Run) -> None:
    _, trained, evaluated = made
    frame = evaluated.predictions
    assert list(frame.columns) == [
        "time", "symbol", "fold", "open", "close", "gap", "funding_rate", "mark_price",
        "signal", "position",
    ]  # fmt: skip
    assert len(frame) == 30 * 24 * 2
    assert frame["signal"].between(0, 1).all()
    counts = frame.groupby("fold")["time"].agg(["min", "max", "size"])
    assert counts["size"].tolist() == [720, 720]
    for fold, span in zip(evaluated.folds, trained.walk.folds, strict=True):
        assert (fold.test_from, fold.test_to) == tuple(counts.loc[fold.fold, ["min", "max"]])
        assert fold.train_to + pd.Timedelta("26h") == fold.test_from, span


def test_everything_can_be_recomputed_from_the_frames(made: Run) -> None:
    _, _, evaluated = made
    equity, trades = evaluated.result.equity, evaluated.result.trades
    m = evaluated.scores.metrics
    assert m["totalReturn"] == pytest.approx(np.prod(1 + equity["net_return"].to_numpy()) - 1)
    assert m["trades"] == trades["closed"].sum() == sum(f.trades for f in evaluated.folds)
    folds = [f.total_return or 0 for f in evaluated.folds]
    assert np.prod(np.array(folds) + 1) - 1 == pytest.approx(m["totalReturn"], abs=1e-6)
    assert set(np.sign(evaluated.predictions["position"])) <= {0.0, 1.0}, "long or flat"


def test_the_same_run_gives_the_same_numbers(made: Run) -> None:
    again = run(real(260), quick())
    np.testing.assert_array_equal(again[1].percentiles, made[1].percentiles)
    np.testing.assert_array_equal(again[1].ranks.quantiles, made[1].ranks.quantiles)
    assert again[2].scores == made[2].scores
    pd.testing.assert_frame_equal(again[2].result.trades, made[2].result.trades)


def test_another_seed_gives_another_model(made: Run) -> None:
    other = run(real(260), quick(model={"seed": 8}))
    assert not np.array_equal(other[1].ranks.quantiles, made[1].ranks.quantiles)


def test_the_artifact_knows_all_bars_and_ranks_on_its_own_tail(made: Run) -> None:
    rows, trained, _ = made
    assert trained.walk.final.calibration[1] == len(rows)
    assert len(trained.fits) == 3
    assert trained.fits[2] > trained.fits[1] > trained.fits[0]
    tail = rows.rows(*trained.walk.final.calibration)
    share = (trained.ranks.rank(trained.model.score(tail)) > 0.75).mean()
    assert share == pytest.approx(0.25, abs=0.05)


def test_progress_is_monotone_over_all_fits() -> None:
    panel, spec, seen = real(260), quick(), list[float]()
    rows = dataset(panel, Return(spec.target.horizon_bars))
    told = context(progress=lambda done, _: seen.append(done))
    train(rows, panel, spec, told, lambda done, _: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_holes_neither_break_nor_move_a_decision() -> None:
    gap = np.random.default_rng(3).random((260 * 24, 2)) < 0.01
    _, _, evaluated = run(with_holes(real(260), gap), quick())
    frame = evaluated.predictions
    assert frame["gap"].any()
    assert frame.loc[frame["gap"], "signal"].isna().all()
    held = frame.pivot_table(index="time", columns="symbol", values="position")
    holes = frame.pivot_table(index="time", columns="symbol", values="gap").astype(bool)
    assert not (held.diff().fillna(0) != 0)[holes].any(axis=None)


def test_one_symbol_runs() -> None:
    spec = quick(data={"symbols": ["BTC/USDT"]})
    _, _, evaluated = run(real(260, symbols=1), spec)
    assert len(evaluated.predictions) == 30 * 24


def _late(since: int) -> Panel:
    gap = np.zeros((260 * 24, 2), dtype=bool)
    gap[:since, 1] = True
    return with_holes(real(260), gap)


def test_a_symbol_that_is_old_enough_joins_late() -> None:
    rows, trained, _ = run(_late(50 * 24), quick())
    assert np.isfinite(trained.percentiles).all()
    assert not rows.usable[: 50 * 24 + 720, 1].any()


@pytest.mark.parametrize(
    "panel",
    [real(260).window(0, 209 * 24), _late(51 * 24)],
    ids=["209 days of bars", "a symbol listed 209 days ago"],
)
def test_too_little_history(panel: Panel) -> None:
    with pytest.raises(ClmError, match="209 days of bars; evaluation needs at least 210") as caught:
        run(panel, quick())
    assert (caught.value.reason, caught.value.exit_code) == ("InsufficientData", 65)
