"""From a family's name to what trains it; a boosting run imports no other family's library."""

from typing import Any

from clm_api.errors import SpecError
from clm_api.parameters.own import CustomParameters
from clm_api.run import RunSpec
from clm_trainer.families.base import Family, weighs_labels
from clm_trainer.own.door import made, opened


def create(spec: RunSpec) -> Family:
    """Return the family that a run asks for, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, or it refuses its parameters; or labels shall be weighed,
        and it can't.
    """
    family = family_of(spec.model, spec, "spec.model")
    if spec.target.uniqueness_weights and not weighs_labels(family):
        raise SpecError(
            "spec.target.uniquenessWeights",
            "a model of this schedule counts all labels the same: set it to false, or let its "
            "family use Dataset.weight and say weighs_labels = True",
        )
    return family


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
        params = _with_seeds(told, f"{field}.custom")
        own: Family = made("clm.families", told.name, params, run, f"{field}.custom")
        return own
    family: Family = opened("clm.families", chosen.family.value, f"{field}.family").make(told, run)
    return family


def _with_seeds(told: CustomParameters, field: str) -> dict[str, Any]:
    """Return what an own family is told: how many models it averages is said where it counts."""
    if "seeds" in told.params:
        text = f"each seed counts as a trial, so the number stands beside params: set {field}.seeds"
        raise SpecError(f"{field}.params.seeds", text)
    if "seeds" in opened("clm.families", told.name, field).params.model_fields:
        return {**told.params, "seeds": told.seeds}
    if told.seeds > 1:
        text = f'"{told.name}" trains one model: its parameters have no seeds'
        raise SpecError(f"{field}.seeds", text)
    return told.params
