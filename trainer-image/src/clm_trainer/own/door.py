"""From the name of an entry point to what it makes, with parameters that it checked itself."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from clm_api.errors import ClmError, SpecError
from clm_api.run import RunSpec

T = TypeVar("T")
Group = Literal["clm.features", "clm.targets", "clm.families"]


@dataclass(frozen=True)
class Offer(Generic[T]):
    """What an entry point stands for.

    Parameters
    ----------
    params
        The model of its parameters; a field may be given by its name or in camelCase.
    make
        Makes it from checked parameters, and from what else its run is told.
    """

    params: type[BaseModel]
    make: Callable[[Any, RunSpec], T]


def entries(group: Group) -> metadata.EntryPoints:
    """Return what installed packages offer; looked up anew only where one came or went."""
    return _found(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=16)
def _found(group: Group, _path: tuple[tuple[str, int], ...]) -> metadata.EntryPoints:
    return metadata.entry_points(group=group)


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def opened(group: Group, name: str, field: str) -> Offer[Any]:
    """Return what a name stands for.

    Parameters
    ----------
    field
        Path of the field that holds the name, for the error.

    Raises
    ------
    SpecError
        No installed package, or more than one, offers that name, or what it offers can't be used.
    """
    found = entries(group).select(name=name)
    if not found:
        known = sorted({entry.name for entry in entries(group)})
        raise SpecError(
            field,
            f'"{name}" is not offered by any package of this image (entry point group {group}): '
            f"it has {', '.join(known) or 'none'}; install the package in the image that "
            "spec.job.image names",
        )
    packages = sorted({entry.dist.name for entry in found if entry.dist is not None})
    if len(packages) > 1:
        raise SpecError(field, f'"{name}" is offered by {" and ".join(packages)}: remove one')
    try:
        offer = next(iter(found)).load()
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise SpecError(field, f'"{name}" of {packages[0]} can\'t be imported: {said}') from error
    if not isinstance(offer, Offer):
        raise SpecError(
            field, f'"{name}" of {packages[0]} is {type(offer).__name__}, no Offer: see docs/own.md'
        )
    return offer


def made(group: Group, name: str, params: Mapping[str, Any], run: RunSpec, field: str) -> Any:
    """Return what a name stands for, made with parameters.

    Parameters
    ----------
    field
        Path of the field beside which ``params`` stands, such as ``spec.model.features``.

    Raises
    ------
    SpecError
        As for ``opened``; or the first parameter that is wrong, by its path; or it raises.
    """
    offer = opened(group, name, field)
    told = checked(offer, name, params, field)
    try:
        return offer.make(told, run)
    except ClmError:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        raise SpecError(field, f'"{name}" can\'t be made with its parameters: {said}') from error


def checked(offer: Offer[Any], name: str, params: Mapping[str, Any], field: str) -> BaseModel:
    """Return parameters as an offer's own model has them.

    Raises
    ------
    SpecError
        The first parameter that is wrong, by its path.
    """
    spelt = {to_camel(one): one for one in offer.params.model_fields}
    given = {spelt.get(key, key): value for key, value in params.items()}
    unknown = [key for key in given if key not in offer.params.model_fields]
    if unknown:
        known = ", ".join(sorted(offer.params.model_fields)) or "none"
        raise SpecError(f"{field}.params.{unknown[0]}", f'"{name}" has parameters {known}')
    try:
        return offer.params.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        written = {spelt.get(key, key): key for key in params}
        path = [written.get(str(part), str(part)) for part in first["loc"]]
        place = ".".join(["params", *path])
        raise SpecError(f"{field}.{place}", first["msg"]) from error
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise SpecError(f"{field}.params", f'"{name}" raises on them: {said}') from error
