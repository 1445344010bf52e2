"""Specs as they were read: what is wrong with one is a problem of its object, never an error."""

from typing import Any, Protocol, TypeVar, cast

from pydantic import ValidationError

from clm_api.model_version import ModelVersionSpec
from clm_api.simulation import SimulationSpec
from clm_api.training_schedule import TrainingScheduleSpec

Raw = dict[str, Any]
SpecT = TypeVar("SpecT", TrainingScheduleSpec, ModelVersionSpec, SimulationSpec)
MOST_LEVELS = 64
"""Of a spec: Kubernetes takes ten thousand in open fields, and what writes JSON far fewer."""
_TOLD_LEVELS, _TOLD = 3, 200
"""How much of a path is told."""


class _WithSpec(Protocol):
    """An object as it was."""

    @property
    def raw(self) -> Raw:
        """The object."""
        ...

    @property
    def spec(self) -> Any:
        """Its spec; None if that could not be read."""
        ...

    @property
    def problem(self) -> str:
        """What is wrong with it."""
        ...


def read_spec(model: type[SpecT], raw: Raw, before: _WithSpec | None) -> tuple[SpecT | None, str]:
    """Return a parsed spec, or what is wrong with it: that is a problem, not an error.

    Parameters
    ----------
    before
        The same object as it was: the API server counts the changes of its spec, and one that did
        not change is taken over.
    """
    if before is not None and _generation_of(before.raw) == _generation_of(raw):
        return cast("SpecT | None", before.spec), before.problem
    if (path := _too_deep(raw["spec"])) is not None:
        return None, f"{path}: nests deeper than {MOST_LEVELS} levels"
    try:
        return model.model_validate(raw["spec"]), ""
    except ValidationError as error:
        return None, validation_text(error, "spec")


def validation_text(error: ValidationError, root: str) -> str:
    """Return the first problem of a resource with the path of its field."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in (root, *first["loc"]))
    return f"{path}: {first['msg']}"


def _too_deep(spec: Any) -> str | None:
    """Return the path, as far as it is worth telling, of what nests too deep; None of none."""
    left: list[tuple[Any, int, str]] = [(spec, 0, "spec")]
    while left:
        value, level, path = left.pop()
        if level > MOST_LEVELS:
            return path
        if isinstance(value, dict | list):
            named = value.items() if isinstance(value, dict) else enumerate(value)
            told = level < _TOLD_LEVELS
            left += [(v, level + 1, f"{path}.{k}"[:_TOLD] if told else path) for k, v in named]
    return None


def _generation_of(raw: Raw) -> tuple[Any, Any]:
    return raw["metadata"].get("uid"), raw["metadata"].get("generation")
