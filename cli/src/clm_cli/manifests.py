"""Manifest files as the API server would read them: typed, with every fault named by its field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from clm_api import API_VERSION
from clm_api.base import Model
from clm_api.errors import ClmError, SpecError
from clm_api.model_version import ModelVersionResource, ModelVersionSpec
from clm_api.reasons import Reason
from clm_api.rules import BROKEN
from clm_api.schedule import parse_schedule
from clm_api.simulation import SimulationResource, SimulationSpec
from clm_api.sizing import asked_by, too_small
from clm_api.training_schedule import TrainingScheduleResource, TrainingScheduleSpec
from clm_cli import kubectl_yaml
from clm_cli.metadata import metadata_faults, unknown
from clm_cli.schemas import given, schema_of

SPECS: dict[str, type[Model]] = {
    TrainingScheduleResource.kind: TrainingScheduleSpec,
    ModelVersionResource.kind: ModelVersionSpec,
    SimulationResource.kind: SimulationSpec,
}
_RESOURCES = (TrainingScheduleResource, ModelVersionResource, SimulationResource)
_RULES = {r.kind: r.rules for r in _RESOURCES}
_FIELDS = {"apiVersion", "kind", "metadata", "spec", "status"}
_SHORT = {r.kind: r.short_names[0] for r in _RESOURCES}


@dataclass(frozen=True)
class Document:
    """One document of a manifest file.

    Parameters
    ----------
    number
        Its place in the file, from 1.
    name
        ``Kind/name`` as people say it.
    raw
        What the file says.
    spec
        The typed spec, or None where it has faults.
    faults
        What is wrong, each with the field's path and what to do.
    twice
        Keys of its file that stand there twice: kubectl takes the last one without a word.
    """

    number: int
    name: str
    raw: Mapping[str, Any]
    spec: Model | None
    faults: tuple[str, ...]
    twice: tuple[str, ...] = ()


def read(path: Path) -> list[Document]:
    """Return a file's documents, each one validated.

    Raises
    ------
    ClmError
        The file can't be read or is no YAML (``SpecInvalid``).
    """
    try:
        documents = list(kubectl_yaml.documents(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: is not UTF-8 text: {error}") from error
    except kubectl_yaml.UnreadableError as error:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: is not YAML: {error}") from error
    single = [(item, d.twice) for d in documents for item in _items(d.value)]
    found = [
        replace(check(number, raw), twice=tuple(twice))
        for number, (raw, twice) in enumerate(single, 1)
    ]
    if not found:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: holds no document")
    return found


def _items(raw: Any) -> list[Any]:
    """Return what a list of objects holds, or the object itself."""
    if isinstance(raw, Mapping) and str(raw.get("kind")).endswith("List"):
        items = raw.get("items")
        return items if isinstance(items, list) else [raw]
    return [raw]


def schedule_of(path: Path) -> tuple[str, TrainingScheduleSpec]:
    """Return name and spec of a file's only TrainingSchedule.

    Raises
    ------
    ClmError
        The file holds none, several, or an invalid one (``SpecInvalid``).
    """
    documents = [d for d in read(path) if d.raw.get("kind") == TrainingScheduleResource.kind]
    if len(documents) != 1:
        raise ClmError(
            Reason.SPEC_INVALID,
            f"{path}: holds {len(documents)} TrainingSchedules; a local run needs exactly one",
        )
    document = documents[0]
    if not isinstance(document.spec, TrainingScheduleSpec):
        raise ClmError(Reason.SPEC_INVALID, f"{path}: " + "; ".join(document.faults))
    return str(document.raw["metadata"]["name"]), document.spec


def check(number: int, raw: Any) -> Document:
    """Validate one document as the API server and the operator would."""
    if not isinstance(raw, Mapping):
        fault = "the document is no object; it must start with apiVersion and kind"
        return Document(number, f"document {number}", {}, None, (fault,))
    kind, meta = raw.get("kind"), raw.get("metadata")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    label = f"{kind}/{name}"
    if raw.get("apiVersion") != API_VERSION or kind not in list(SPECS):
        known = ", ".join(SPECS)
        fault = f'apiVersion, kind: must be "{API_VERSION}" and one of {known}'
        return Document(number, label, raw, None, (fault,))
    if not isinstance(meta, Mapping):
        return Document(number, label, raw, None, ("metadata.name: is missing",))
    spec, faults = _spec(str(kind), raw)
    faults = [*metadata_faults(meta), *_broken(str(kind), raw), *faults]
    return Document(number, label, raw, None if faults else spec, tuple(faults))


def _broken(kind: str, raw: Mapping[str, Any]) -> list[str]:
    """Return which rules of the whole object it breaks; of one without a name nobody can tell."""
    name = raw["metadata"].get("name")
    if not isinstance(name, str) or not name:
        return []
    return [f"metadata.name: {rule.message}" for rule in _RULES[kind] if not rule.holds(raw)]


def _spec(kind: str, raw: Mapping[str, Any]) -> tuple[Model | None, list[str]]:
    """Return the spec that the API server would store, and what it would refuse."""
    model, schema = SPECS[kind], schema_of(kind)
    faults = [unknown(str(key), _FIELDS) for key in raw if key not in _FIELDS]
    sent = json.dumps(given(schema["properties"]["spec"], kubectl_yaml.whole(raw.get("spec"))))
    try:
        spec = model.model_validate_json(sent, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return None, faults + [_fault(kind, e, model) for e in error.errors(include_url=False)]
    if faults:
        return spec, faults
    if isinstance(spec, TrainingScheduleSpec):
        return spec, _schedule_faults(spec, "spec")
    if isinstance(spec, SimulationSpec) and spec.schedule is not None:
        return spec, _schedule_faults(spec.schedule, "spec.schedule")
    return spec, []


def _schedule_faults(spec: TrainingScheduleSpec, root: str) -> list[str]:
    """Return what is wrong with a schedule's slots, and with the memory that it asks for."""
    faults = []
    try:
        parse_schedule(spec)
    except SpecError as error:
        faults.append(f"{root}{error.message.removeprefix('spec')}")
    small = too_small(asked_by(spec), spec)
    if small is not None:
        faults.append(f"{root}.job.resources.{small[0]}.memory: {small[1]}")
    return faults


def _fault(kind: str, error: ErrorDetails, model: type[BaseModel]) -> str:
    path = "spec" + "".join(_steps(error["loc"]))
    if error["type"] == "extra_forbidden":
        return unknown(path, _fields(model, error["loc"][:-1]))
    if error["type"] == BROKEN:
        return f"{path}: {error['msg']}"
    names = [part for part in error["loc"] if isinstance(part, str)]
    explain = ".".join([_SHORT[kind], "spec", *names])
    if error["type"] == "missing":
        return f'{path}: is missing; see "kubectl explain {explain}"'
    text = error["msg"][0].lower() + error["msg"][1:]
    return f'{path}: {_shown(error["input"])} is refused: {text}; see "kubectl explain {explain}"'


def _steps(location: tuple[int | str, ...]) -> Iterator[str]:
    for part in location:
        yield f"[{part}]" if isinstance(part, int) else f".{part}"


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else f"{text[:57]}…"


def _fields(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """Return the fields at a place of a model, by their names on the wire."""
    schema = model.model_json_schema(by_alias=True)
    node: dict[str, Any] = schema
    for part in location:
        node = node.get("items", {}) if isinstance(part, int) else node["properties"][part]
        for choice in node.get("anyOf", [node]):
            if "$ref" in choice or choice.get("type") != "null":
                node = choice
                break
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return set(node.get("properties", {}))
