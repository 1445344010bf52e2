"""What memory a run's pod asks for: what somebody said, or else what its data need."""

from collections.abc import Mapping
from typing import Any

from clm_api.memory import in_words, least_bytes, load_in_words, needed_bytes
from clm_api.quantities import amount
from clm_api.training_schedule import TrainingScheduleSpec

ROOM = 2
"""The limit is so many times the need: what pods request by default is half of their limit."""
_HINT = (
    "or train on fewer days (spec.data.lookbackDays), fewer symbols, a longer timeframe or, where "
    "the family has one, a larger rowStride"
)


def asked_by(spec: TrainingScheduleSpec) -> dict[str, Any]:
    """Return the resources that a schedule asks for."""
    return spec.job.resources.to_json_dict() if spec.job.resources else {}


def too_small(said: Mapping[str, Any], spec: TrainingScheduleSpec) -> tuple[str, str] | None:
    """Return the part of resources whose memory can't hold a run, and why; None where it can.

    A limit counts, and a request where there is no limit.

    Parameters
    ----------
    said
        Requests and limits that somebody chose.
    """
    part = "limits" if _memory(said, "limits") else "requests"
    size, least = _memory(said, part), least_bytes(spec)
    if size is None or amount(size) >= least:
        return None
    enough = in_words(max(least, needed_bytes(spec)))
    need = f"{size} is less than the {in_words(least)} that {load_in_words(spec)} needs"
    return part, f"{need}: set {enough} or more, or nothing, {_HINT}"


def too_large(most: str, spec: TrainingScheduleSpec) -> str | None:
    """Return why a run fits into no pod that may be made; None where it does."""
    least = least_bytes(spec)
    if amount(most) >= least:
        return None
    need = f"{load_in_words(spec)} needs {in_words(least)}, and {most} is the most that"
    return f"{need} jobPolicy.maximum.memory in the chart's values allows: raise that, {_HINT}"


def note(spec: TrainingScheduleSpec) -> str | None:
    """Say what an operator will ask for, where that is more than usual and nobody chose it."""
    need = needed_bytes(spec)
    asked = asked_by(spec)
    chosen = _memory(asked, "limits") or _memory(asked, "requests")
    if chosen or amount(spec.model.family.row.memory) >= need:
        return None
    return (
        f"{load_in_words(spec)} needs {in_words(need)} of memory: the operator asks for that, if "
        "jobPolicy.maximum.memory and families in its chart's values allow it"
    )


def sized(
    said: Mapping[str, Any], usual: Mapping[str, Any], most: str, spec: TrainingScheduleSpec
) -> dict[str, dict[str, str]]:
    """Return the memory that a run's pod requests, and its limit, in the shape of resources.

    Parameters
    ----------
    said
        Requests and limits that somebody chose: they stay.
    usual
        What a small run has.
    most
        The most that a schedule may ask for: room beyond the need ends there.
    """
    need = min(needed_bytes(spec), int(amount(most)))
    limit = _memory(said, "limits")
    request = _memory(said, "requests") or _at_least(need, str(_memory(usual, "requests")), most)
    if limit is None:
        limit = _at_least(ROOM * need, str(_memory(usual, "limits")), most)
        limit = max(limit, request, key=amount)
    elif not _memory(said, "requests"):
        request = min(request, limit, key=amount)
    return {"requests": {"memory": request}, "limits": {"memory": limit}}


def _at_least(size: int, usual: str, most: str) -> str:
    return usual if amount(usual) >= size else min(in_words(size), most, key=amount)


def _memory(resources: Mapping[str, Any], part: str) -> str | None:
    found = (resources.get(part) or {}).get("memory")
    return None if found is None else str(found)
