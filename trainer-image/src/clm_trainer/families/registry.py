"""From a family's name to its class; a boosting run imports no other family's library."""

from collections.abc import Callable
from importlib import import_module

from clm_api.families import Family as FamilyName
from clm_api.run import RunSpec
from clm_trainer.families.base import Family

MODULES: dict[FamilyName, str] = {
    FamilyName.XGBOOST: "clm_trainer.families.xgboost",
    FamilyName.LIGHTGBM: "clm_trainer.families.lightgbm",
    FamilyName.NHITS: "clm_trainer.families.nhits",
    FamilyName.PATCHTST: "clm_trainer.families.patchtst",
    FamilyName.RL_V2: "clm_trainer.families.rl_v2",
    FamilyName.RL_V3: "clm_trainer.families.rl_v3",
}


def create(spec: RunSpec) -> Family:
    """Return the family that a run asks for, with its parameters."""
    make: Callable[[RunSpec], Family] = import_module(MODULES[spec.model.family]).create
    return make(spec)
