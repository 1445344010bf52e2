"""From a family's name to its class; a boosting run imports no other family's library."""

from collections.abc import Callable
from importlib import import_module

from clm_api.families import Family as FamilyName
from clm_api.run import RunModel
from clm_trainer.families.base import Family

MODULES: dict[FamilyName, str] = {FamilyName.XGBOOST: "clm_trainer.families.xgboost"}


def create(model: RunModel) -> Family:
    """Return the family that a run asks for, with its parameters."""
    make: Callable[[RunModel], Family] = import_module(MODULES[model.family]).create
    return make(model)
