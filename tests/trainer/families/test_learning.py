"""For every family: a planted trend is found out of sample; in noise nothing is.

On noise the correlation with the latent says nothing: the scores are some function of the same
features, by chance of the trend too. So there the scores are held against what happened.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic.alias_generators import to_camel
from tools.study.mirrored import mirrored

from clm_api.families import Family as FamilyName
from clm_trainer.families import registry
from clm_trainer.panel import Floats
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real
from tests.trainer.families.fits import every_family
from tests.trainer.families.runs import context, run_spec

DAYS, TEST_DAYS, TAIL_DAYS = 900, 365, 90
HORIZON_BARS = 24
_NEURAL = {
    "seeds": 1, "maxSteps": 80, "rowStride": 4, "batchSize": 256, "learningRate": 0.003,
}  # fmt: skip
CHEAPER: dict[FamilyName, dict[str, Any]] = {
    FamilyName.NHITS: _NEURAL,
    FamilyName.PATCHTST: _NEURAL,
    FamilyName.RL_V2: {"seeds": 1, "totalSteps": 30000},
    FamilyName.RL_V3: {"seeds": 1, "totalSteps": 60000},
}
"""Parameters with which a slow family learns in seconds; absent: the defaults."""
seeds = pytest.mark.parametrize("seed", [0, 1], ids=lambda s: f"seed {s}")


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, over the pairs that are known."""
    known = np.isfinite(one) & np.isfinite(other)
    a, b = (pd.Series(x[known]).rank().to_numpy() for x in (one, other))
    return float(np.corrcoef(a, b)[0, 1])


@cache
def judged(name: FamilyName, strength: float, seed: int) -> tuple[float, float]:
    """Rank correlation of a year's scores with the latent, and with the labels."""
    panel, latent = mirrored(real(DAYS), seed, strength)
    rows = dataset(panel, Return(HORIZON_BARS))
    cut, purge = len(rows) - TEST_DAYS * 24, HORIZON_BARS + 1
    tail = cut - purge - TAIL_DAYS * 24
    train, valid = rows.rows(0, tail - purge), rows.rows(tail, cut - purge)
    model = {"family": name, "seed": seed, to_camel(name.field): CHEAPER.get(name, {})}
    family, test = registry.create(run_spec(model=model)), rows.rows(cut, len(rows))
    scores = family.fit(train, valid, context(seed)).score(test)
    known = np.repeat(latent[cut:, None], len(rows.symbols), axis=1)
    return rank_correlation(scores, known), rank_correlation(scores, test.target)


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
