"""A planted trend is found out of sample; in noise nothing is.

On noise the correlation with the latent says nothing: the scores are some function of the same
features, by chance of the trend too. So there the scores are held against what happened.
"""

import numpy as np
import pytest

from clm_api.families import Family as FamilyName
from clm_api.run import RunModel
from clm_trainer.families import registry
from clm_trainer.stages.features import dataset
from tests.trainer.families.fits import context, every_family
from tests.trainer.families.synthetic import rank_correlation, redrawn

TEST_BARS = 365 * 24
TAIL_BARS = 90 * 24
HORIZON = 24
seeds = pytest.mark.parametrize("seed", [0, 1], ids=lambda s: f"seed {s}")


def judged(name: FamilyName, strength: float, seed: int) -> tuple[float, float]:
    """Rank correlation of a year's scores with the latent, and with the labels."""
    market = redrawn(strength, seed)
    rows, _ = dataset(market.panel, HORIZON)
    cut = len(rows) - TEST_BARS
    tail = cut - HORIZON - 1 - TAIL_BARS
    train, valid = rows.rows(0, tail - HORIZON - 1), rows.rows(tail, tail + TAIL_BARS)
    family = registry.create(RunModel(family=name, seed=seed))
    test = rows.rows(cut, len(rows))
    scores = family.fit(train, valid, context(seed=seed)).score(test)
    latent = np.repeat(market.latent[cut:, None], len(rows.symbols), axis=1)
    return rank_correlation(scores, latent), rank_correlation(scores, test.target)


@every_family
@seeds
def test_a_planted_trend_is_learned(name: FamilyName, seed: int) -> None:
    with_latent, with_label = judged(name, 0.1, seed)
    assert with_latent > 0.2
    assert with_label > 0.15


@every_family
@seeds
def test_noise_is_not_learned(name: FamilyName, seed: int) -> None:
    _, with_label = judged(name, 0.0, seed)
    assert abs(with_label) < 0.1
    assert abs(with_label) < judged(name, 0.1, seed)[1] / 2


@seeds
def test_noise_keeps_the_market_but_for_its_direction(seed: int) -> None:
    noise, planted = redrawn(0.0, seed).panel, redrawn(0.1, seed).panel
    for panel in (noise, planted):
        there = ~panel.gap
        assert (panel.high >= np.maximum(panel.open, panel.close) - 1e-9)[there].all()
        assert (panel.low <= np.minimum(panel.open, panel.close) + 1e-9)[there].all()
    spans = [np.log(p.high / p.low)[~p.gap] for p in (noise, planted)]
    np.testing.assert_allclose(spans[0], spans[1], atol=1e-9)
    np.testing.assert_array_equal(noise.volume, planted.volume)
