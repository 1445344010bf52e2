"""A past version is what its Job would have left, and knows nothing of what came later."""

from dataclasses import fields

import numpy as np
import pytest

from clm_trainer.features import registry
from clm_trainer.panel import Panel
from clm_trainer.simulation.version import past_version
from clm_trainer.stages.develop import develop
from clm_trainer.stages.features import dataset, following
from tests.trainer.evaluation.markets import poisoned, real, with_holes
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


def holed() -> Panel:
    """Bars with holes before and after the slot; the second symbol is listed after 20 days."""
    panel = real(270)
    gap = np.random.default_rng(8).random(panel.gap.shape) < 0.03
    gap[:480, 1] = True
    return with_holes(panel, gap)


@pytest.mark.parametrize(
    ("set_", "known"),
    [
        pytest.param("standard", KNOWN, id="CLM's own set"),
        pytest.param("standard", KNOWN - 17, id="a slot between two blocks"),
        pytest.param("mypackage.momentum", KNOWN, id="an own set, evaluated in windows"),
    ],
)
def test_later_rows_go_on_from_the_training_as_if_all_were_made_at_once(
    set_: str, known: int
) -> None:
    panel, spec = holed(), quick(model={"family": "xgboost", "features": {"set": set_}})
    before = develop(panel.window(0, known), spec, context())
    later = panel.window(known, len(panel))
    resumed = following(before.rows, later, before.features, before.made.after)
    at_once = dataset(panel, None, registry.create(spec)).rows(known, len(panel))
    assert at_once.usable.any(), "the case has rows that are scored"
    for name in (one.name for one in fields(at_once)):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(at_once, name), name)
