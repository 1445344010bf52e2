"""The Simulation that a file asks for, and whether the cluster has the same one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from clm_api import API_VERSION
from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.simulation import SimulationResource, SimulationSpec
from clm_api.training_schedule import TrainingScheduleResource, TrainingScheduleSpec
from clm_cli import kubectl_yaml
from clm_cli.cluster import SimulationView
from clm_cli.manifests import Document, check, read
from clm_cli.server import ClusterError, Raw
from clm_cli.variants import schedules_in, with_variants

_LONGEST_STEM, _DIGITS = 43, 8


@dataclass(frozen=True)
class Wanted:
    """A Simulation that is to be.

    Parameters
    ----------
    raw
        As the API server is asked to create it.
    """

    name: str
    raw: Raw
    spec: SimulationSpec

    @property
    def namespace(self) -> str | None:
        """The namespace that its file names."""
        return self.raw["metadata"].get("namespace") or None


def wanted(
    path: Path, start: datetime | None, stop: datetime | None, parallelism: int | None
) -> Wanted:
    """Return the Simulation of a file, or one of its only TrainingSchedule.

    Parameters
    ----------
    start, stop
        Of a schedule's simulation: its ``from`` and ``to``.
    parallelism
        Takes the place of the file's.

    Raises
    ------
    ClmError
        The file holds none, several or an invalid one, or the options don't fit (``SpecInvalid``).
    """
    documents = read(path)
    found = _of_kind(documents, SimulationResource.kind)
    if len(found) > 1:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: holds {len(found)} Simulations; give one")
    if found:
        if start is not None or stop is not None:
            raise SpecError("--from, --to", f"{path} holds a Simulation, which has its own")
        return _sized(path, _stated(path, found[0], documents), parallelism)
    schedules = _of_kind(documents, TrainingScheduleResource.kind)
    if len(schedules) != 1:
        held = f"no Simulation and {len(schedules)} TrainingSchedules"
        raise ClmError(Reason.SPEC_INVALID, f"{path}: holds {held}; one of either is needed")
    if start is None or stop is None:
        raise SpecError("--from, --to", "give both: when would the schedule have been applied")
    return _sized(path, _made(path, schedules[0], start, stop), parallelism)


def difference(there: SimulationView, here: Wanted) -> str:
    """Return the first field in which the cluster's simulation is another one; empty if in none."""
    if there.spec is None:
        return there.problem.partition(":")[0]
    return _differs("spec", there.spec.to_json_dict(), here.spec.to_json_dict())


def refuse_other(there: SimulationView, here: Wanted) -> None:
    """Refuse to follow a simulation that is not the wanted one.

    Raises
    ------
    ClusterError
        A field differs.
    """
    field = difference(there, here)
    if not field:
        return
    what = f"give the file another metadata.name, or: kubectl delete sim {there.name}"
    raise ClusterError(f"Simulation {there.name} is there, and its {field} is another one: {what}")


def _of_kind(documents: list[Document], kind: str) -> list[Document]:
    return [d for d in documents if d.raw.get("kind") == kind]


def _stated(path: Path, alone: Document, documents: list[Document]) -> Raw:
    document, _ = with_variants(alone, schedules_in(documents))
    if document.spec is None:
        raise ClmError(Reason.SPEC_INVALID, f"{path}: " + "; ".join(document.faults))
    return _object(kubectl_yaml.whole(alone.raw["metadata"]), kubectl_yaml.whole(alone.raw["spec"]))


def _made(path: Path, document: Document, start: datetime, stop: datetime) -> Raw:
    """Return a simulation of a schedule; asked for again it has the same name."""
    if not isinstance(document.spec, TrainingScheduleSpec):
        raise ClmError(Reason.SPEC_INVALID, f"{path}: " + "; ".join(document.faults))
    meta, schedule = document.raw["metadata"], kubectl_yaml.whole(document.raw["spec"])
    times = {"from": _instant(start), "to": _instant(stop)}
    known = json.dumps([document.spec.to_json_dict(), times], sort_keys=True)
    digest = hashlib.sha256(known.encode()).hexdigest()[:_DIGITS]
    stem = str(meta["name"])[:_LONGEST_STEM].rstrip("-")
    place = {"namespace": meta["namespace"]} if meta.get("namespace") else {}
    return _object({"name": f"{stem}-{digest}", **place}, {"schedule": schedule, **times})


def _sized(path: Path, raw: Raw, parallelism: int | None) -> Wanted:
    if parallelism is not None:
        raw["spec"] = {**raw["spec"], "parallelism": parallelism}
    checked = _checked(path, raw)
    return Wanted(str(raw["metadata"]["name"]), raw, checked)


def _checked(path: Path, raw: Raw) -> SimulationSpec:
    document = check(1, raw)
    if not isinstance(document.spec, SimulationSpec):
        raise ClmError(Reason.SPEC_INVALID, f"{path}: " + "; ".join(document.faults))
    return document.spec


def _object(metadata: Any, spec: Any) -> Raw:
    return {
        "apiVersion": API_VERSION,
        "kind": SimulationResource.kind,
        "metadata": dict(metadata),
        "spec": dict(spec),
    }


def _instant(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _differs(path: str, there: Any, here: Any) -> str:
    if there == here:
        return ""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in (*here, *(k for k in there if k not in here)):
            if found := _differs(f"{path}.{key}", there.get(key), here.get(key)):
                return found
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = zip(there, here, strict=True)
        return next(f for i, (a, b) in enumerate(pairs) if (f := _differs(f"{path}[{i}]", a, b)))
    return path
