"""From a family's name to what trains it; a boosting run imports no other family's library."""

from typing import Any

from clm_api.parameters.own import CustomParameters
from clm_api.run import RunSpec
from clm_trainer.families.base import Family
from clm_trainer.own.door import made, opened


def create(spec: RunSpec) -> Family:
    """Return the family that a run asks for, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, or it refuses its parameters.
    """
    return family_of(spec.model, spec, "spec.model")


def family_of(chosen: Any, run: RunSpec, field: str) -> Family:
    """Return the family that a run's model, or a member of a blend, names.

    Parameters
    ----------
    chosen
        The model or the member.
    field
        Its path, for errors.

    Raises
    ------
    SpecError
        As for ``create``.
    """
    told = chosen.parameters
    if isinstance(told, CustomParameters):
        own: Family = made("clm.families", told.name, told.params, run, f"{field}.custom")
        return own
    family: Family = opened("clm.families", chosen.family.value, f"{field}.family").make(told, run)
    return family
