"""Fits of any registered family on a few months of real bars."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic.alias_generators import to_camel

from clm_api.families import Family as FamilyName
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset, Family, Fitted
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.runs import context, run_spec

_NEURAL = {"seeds": 2, "maxSteps": 8, "validationEvery": 2, "batchSize": 64}
_EPISODES = {"episodeSteps": 24, "environments": 16}
SMALL: dict[FamilyName, dict[str, Any]] = {
    FamilyName.XGBOOST: {"rounds": 12},
    FamilyName.BLEND: {
        "members": [{"family": "xgboost", "xgboost": {"rounds": 12}}, {"family": "lightgbm"}]
    },
    FamilyName.NHITS: _NEURAL,
    FamilyName.PATCHTST: _NEURAL,
    FamilyName.RL_V2: _EPISODES
    | {"seeds": 2, "totalSteps": 1024, "batchSize": 64, "stepsPerUpdate": 16, "warmUpSteps": 128},
    FamilyName.RL_V3: _EPISODES
    | {"seeds": 2, "totalSteps": 1024, "rolloutSteps": 32, "batchSize": 256},
    FamilyName.BLEND: {
        "members": [
            {"family": "xgboost", "xgboost": {"rounds": 12}},
            {"family": "lightgbm", "seed": 8},
            {"family": "custom", "custom": {"name": "mypackage.linear"}},
        ]
    },
    FamilyName.CUSTOM: {"name": "mypackage.linear"},
}
"""Parameters with which a family fits in a second; absent: the defaults."""

OURS = sorted(family for family in FamilyName if family is not FamilyName.CUSTOM)
"""Those that CLM offers itself: of an own one only the package knows the name."""
every_family = pytest.mark.parametrize("name", OURS, ids=str)


def family(name: FamilyName, seed: int = 1) -> Family:
    model = {"family": name, "seed": seed, to_camel(name.field): SMALL.get(name, {})}
    return registry.create(run_spec(model=model))


@cache
def rows() -> Dataset:
    """150 days of real bars with holes; a hole's features are NaN, not only unusable."""
    gap = np.random.default_rng(2).random((150 * 24, 2)) < 0.02
    made = dataset(with_holes(real(150), gap), Return(24))
    return replace(made, features=np.where(made.usable[:, :, None], made.features[:], np.nan))


def parts(made: Dataset | None = None) -> tuple[Dataset, Dataset, Dataset]:
    """Training rows, calibration tail and test rows, purged."""
    whole = rows() if made is None else made
    return whole.rows(0, 2600), whole.rows(2625, 3100), whole.rows(3125, 3600)


def fitted(name: FamilyName, seed: int = 1, made: Dataset | None = None, **how: Any) -> Fitted:
    train, valid, _ = parts(made)
    return family(name, seed).fit(train, valid, context(seed, **how))
