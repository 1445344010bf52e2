"""Nothing that is fitted sees a test block, and no signal sees the future. Proven by poison."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tools.study.seeds import LEAKING

from clm_api.errors import ClmError
from clm_trainer.evaluation.lookahead import require_causal
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.evaluation.splits import Walk
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset, Fitted
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.causality import require_causal_signals
from clm_trainer.stages.develop import develop
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import fit_span, train
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import poisoned, real
from tests.trainer.families.runs import context, quick


def fitted(panel: Panel, walk: Walk, fold: int, folder: Path) -> tuple[bytes, Floats]:
    """The model and the thresholds of one fold, fitted as a run does: after those before it."""
    spec = quick()
    rows = dataset(panel, Return(spec.target.horizon_bars))
    family = registry.create(spec)
    for span in walk.folds[: fold + 1]:
        model, ranks, _ = fit_span(family, rows, span, context())
    model.save(folder)
    return (folder / "model.ubj").read_bytes(), ranks.quantiles


@pytest.fixture(scope="module")
def walk() -> Walk:
    panel, spec = real(260), quick()
    rows = dataset(panel, Return(spec.target.horizon_bars))
    return train(rows, panel, spec, context(), lambda _, __: None).walk


@pytest.mark.parametrize("fold", [0, 1], ids=["first fold", "second fold"])
def test_a_poisoned_test_block_changes_neither_model_nor_thresholds(
    walk: Walk, fold: int, tmp_path: Path
) -> None:
    begin = walk.folds[fold].test[0]
    model, thresholds = fitted(real(260), walk, fold, tmp_path)
    same_model, same_thresholds = fitted(poisoned(real(260), begin), walk, fold, tmp_path)
    assert same_model == model
    np.testing.assert_array_equal(same_thresholds, thresholds)


def test_the_poison_would_be_noticed(walk: Walk, tmp_path: Path) -> None:
    """Poison that reaches into the purge must still not matter; into the labels it must."""
    span = walk.folds[0]
    clean = fitted(real(260), walk, 0, tmp_path)
    in_tail = fitted(poisoned(real(260), span.calibration[1] - 1), walk, 0, tmp_path)
    assert in_tail[0] == clean[0], "the tail ranks scores, it is not learned"
    assert not np.array_equal(in_tail[1], clean[1])
    in_labels = fitted(poisoned(real(260), span.fit[1]), walk, 0, tmp_path)
    assert in_labels[0] != clean[0]


def test_signals_ignore_everything_after_them() -> None:
    spec, panel = quick(), real(260)
    rows = dataset(panel, Return(spec.target.horizon_bars))
    trained = train(rows, panel, spec, context(), lambda _, __: None)
    start = trained.walk.window[0]

    def signals(known: Panel) -> Floats:
        seen = dataset(known)
        ranks = trained.ranks.rank(trained.model.score(seen))
        held = target_positions(ranks, seen.sigma, known, spec.target)
        return np.concatenate([ranks, held], axis=1)

    require_causal(signals, panel, cuts=[800, start + 1, start + 100, len(panel) - 1])


def test_a_planted_leak_ends_the_run_and_the_features_as_they_are_do_not() -> None:
    with pytest.raises(ClmError, match="look-ahead") as caught:
        develop(real(260), quick(), context(), features=LEAKING)
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)
    assert develop(real(260), quick(), context()).metrics.metrics["trades"] > 0


def test_a_signal_that_looks_at_its_whole_window_ends_the_run() -> None:
    panel, spec = real(260), quick()
    made = develop(panel, spec, context())

    class Centred:
        """Scores relative to the mean of all rows that it is given."""

        def __init__(self, inner: Fitted) -> None:
            self.inner = inner

        def score(self, window: Dataset) -> Floats:
            scores = self.inner.score(window)
            centred: Floats = scores - np.nanmean(scores)
            return centred

        def save(self, folder: Path) -> None:
            self.inner.save(folder)

        def importance(self) -> dict[str, float]:
            return self.inner.importance()

    trained = replace(made.trained, model=Centred(made.trained.model))
    with pytest.raises(ClmError, match="look-ahead"):
        require_causal_signals(panel, made.rows, trained)
