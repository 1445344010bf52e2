"""Every family keeps the promises that own families must keep; a new one by being registered."""

from typing import Any

import numpy as np
import pytest

from clm_api.families import Family as FamilyName
from clm_trainer.testing import FAMILY_PROMISES, LEARNING_PROMISES, check_family
from tests.trainer.families.fits import SMALL, every_family, fitted, parts

_NEURAL = {
    "seeds": 1, "maxSteps": 80, "rowStride": 4, "batchSize": 256, "learningRate": 0.003,
}  # fmt: skip
CHEAPER: dict[FamilyName, dict[str, Any]] = {
    FamilyName.XGBOOST: {},
    FamilyName.NHITS: _NEURAL,
    FamilyName.PATCHTST: _NEURAL,
    FamilyName.RL_V2: {"seeds": 1, "totalSteps": 30000},
    FamilyName.RL_V3: {"seeds": 1, "totalSteps": 60000},
}
"""Parameters with which a family learns in seconds; absent: those of a fit in a second."""
PROMISES = [promise for promise in FAMILY_PROMISES if promise not in LEARNING_PROMISES]


def check(name: FamilyName, told: dict[str, Any], promise: str) -> None:
    if name is FamilyName.CUSTOM:
        check_family(told["name"], told.get("params"), only=[promise])
    else:
        check_family(name.value, told, only=[promise])


@every_family
@pytest.mark.parametrize("promise", PROMISES)
def test_every_family_keeps_its_promise(name: FamilyName, promise: str) -> None:
    check(name, SMALL.get(name, {}), promise)


@every_family
@pytest.mark.parametrize("promise", LEARNING_PROMISES)
def test_every_family_finds_what_is_there(name: FamilyName, promise: str) -> None:
    check(name, CHEAPER.get(name, SMALL.get(name, {})), promise)


@pytest.mark.parametrize(
    "name", [name for name in sorted(FamilyName) if name is not FamilyName.CUSTOM], ids=str
)
def test_another_seed_gives_another_model(name: FamilyName) -> None:
    test = parts()[2]
    one, other = (fitted(name, seed).score(test) for seed in (1, 2))
    assert (one != other)[np.isfinite(one)].any()
