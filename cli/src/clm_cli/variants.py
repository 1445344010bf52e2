"""What a simulation's variants make of its schedule, checked as the operator checks it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from clm_api.errors import SpecError
from clm_api.simulation import SimulationSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_api.variants import patched
from clm_cli.manifests import Document


def schedules_in(documents: Iterable[Document]) -> dict[str, TrainingScheduleSpec]:
    """Return the valid TrainingSchedules among documents by name."""
    found = ((str(d.raw["metadata"]["name"]), d.spec) for d in documents if d.spec is not None)
    return {name: spec for name, spec in found if isinstance(spec, TrainingScheduleSpec)}


def with_variants(
    document: Document, schedules: Mapping[str, TrainingScheduleSpec]
) -> tuple[Document, str]:
    """Lay a simulation's variants over its schedule; return it with what is wrong with them.

    Parameters
    ----------
    schedules
        Those that a simulation may name.

    Returns
    -------
    document
        As it was if it is no Simulation.
    note
        Why the variants are not checked; empty if they are.
    """
    spec = document.spec
    if not isinstance(spec, SimulationSpec):
        return document, ""
    named = spec.schedule_name
    schedule = spec.schedule if named is None else schedules.get(named)
    if schedule is None:
        missing = f"these files hold no valid TrainingSchedule {named}: name its file too"
        return document, f"spec.variants: not checked, {missing}" if spec.variants else ""
    faults = []
    for variant in spec.variants:
        try:
            patched(schedule, variant)
        except SpecError as error:
            faults.append(error.message)
    if not faults:
        return document, ""
    return replace(document, spec=None, faults=(*document.faults, *faults)), ""
