"""A past version is what its Job would have left, and knows nothing of what came later."""

import numpy as np

from clm_trainer.simulation.version import past_version
from clm_trainer.stages.develop import develop
from tests.trainer.evaluation.markets import poisoned, real
from tests.trainer.families.runs import context, quick
from tests.trainer.simulation.past import START

KNOWN = 260 * 24


def test_it_is_the_version_of_a_run_that_ended_there() -> None:
    panel, spec = real(270), quick()
    made = past_version(panel, KNOWN, spec, START, context())
    assert made.metrics == develop(panel.window(0, KNOWN), spec, context()).metrics
    assert made.percentiles.shape == (240, 2)
    assert np.isfinite(made.percentiles).all()


def test_later_bars_change_neither_the_model_nor_earlier_signals() -> None:
    panel, spec = real(270), quick()
    clean = past_version(panel, KNOWN, spec, START, context())
    cut = 100
    other = past_version(poisoned(panel, KNOWN + cut), KNOWN, spec, START, context())
    assert other.metrics == clean.metrics
    np.testing.assert_array_equal(other.percentiles[:cut], clean.percentiles[:cut])
    assert not np.array_equal(other.percentiles[cut:], clean.percentiles[cut:])


def test_a_run_that_fails_is_a_version_with_its_reason() -> None:
    made = past_version(real(150), 140 * 24, quick(), START, context())
    assert made.metrics is None
    assert made.failure.startswith("InsufficientData: 140 days of bars")
