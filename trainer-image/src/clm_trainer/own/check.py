"""Own code of a schedule, checked with the packages that are installed, as a run would begin."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from clm_api.errors import ClmError
from clm_api.families import BlendParameters
from clm_api.parameters.own import CustomParameters
from clm_api.run import RunModel, RunSpec
from clm_trainer import targets
from clm_trainer.families.registry import family_of
from clm_trainer.features import registry


def faults(run: RunSpec) -> tuple[str, ...]:
    """Return what a run would refuse of its feature set, target and own families, by field."""
    found = []
    for make in _makers(run):
        try:
            make()
        except ClmError as error:
            found.append(error.message)
    return tuple(found)


def _makers(run: RunSpec) -> Iterator[Callable[[], object]]:
    yield partial(registry.create, run)
    yield partial(targets.create, run)
    for field, part in _parts(run.model):
        if isinstance(part.parameters, CustomParameters):
            yield partial(family_of, part, run, field)


def _parts(model: RunModel) -> Iterator[tuple[str, Any]]:
    told = model.parameters
    if not isinstance(told, BlendParameters):
        yield "spec.model", model
        return
    for number, member in enumerate(told.members):
        yield f"spec.model.blend.members[{number}]", member
