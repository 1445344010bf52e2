"""From a family's name to its class; a boosting run imports no other family's library."""

from collections.abc import Callable
from importlib import import_module

from clm_api.families import Family as FamilyName
from clm_api.run import RunSpec
from clm_trainer.families.base import Family


def module_of(family: FamilyName) -> str:
    """Return the name of the module that holds a family's code."""
    return f"clm_trainer.families.{family.field}"


def create(spec: RunSpec) -> Family:
    """Return the family that a run asks for, with its parameters."""
    make: Callable[[RunSpec], Family] = import_module(module_of(spec.model.family)).create
    return make(spec)
