"""What a schedule may ask of its pods: the allow-lists of the chart's values.

Who may write a schedule may not be allowed to create pods. What the operator's own defaults say for
a family is the administrator's word and always allowed.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clm_api.errors import SpecError
from clm_api.families import Family
from clm_api.images import repository, within
from clm_api.job_spec import GpuSpec, JobSpec, TolerationSpec
from clm_api.quantities import amount
from clm_api.queueing import QueueName
from clm_api.run import RunPod
from clm_operator.settings import JobPolicy, Settings

_ANY = "*"
_NAME: TypeAdapter[str] = TypeAdapter(QueueName)
_NAMES = "lower case letters and digits, - and . between them, at most 63 characters"
_TOLD = 960
"""Characters of the problems beyond the first that are told: a condition takes 1024 in all."""


def check(
    root: str, asked: JobSpec | RunPod, defaults: Mapping[str, Any], policy: JobPolicy
) -> None:
    """Refuse what neither the family's defaults nor the allow-lists hold, all of it at once.

    Parameters
    ----------
    root
        Path of what is checked: ``spec.job`` of a schedule, ``spec.run.pod`` of a version.
    defaults
        The family's, in the shape of ``spec.job``.

    Raises
    ------
    SpecError
        Names the fields, and the values of the chart that could allow them.
    """
    found = list(_refused(asked, defaults, policy))
    if not found:
        return
    (field, told), *more = found
    for index, (other, also) in enumerate(more):
        longer = f"{told}; {root}.{other}: {also}"
        if len(longer) > _TOLD:
            told += f"; and {len(more) - index} more"
            break
        told = longer
    raise SpecError(f"{root}.{field}", told)


def problem(family: Family, pod: RunPod, settings: Settings) -> str | None:
    """Return why a pod that was frozen earlier is not made any more; None where it is."""
    try:
        check("spec.run.pod", pod, settings.job_defaults(family), settings.job_policy)
    except SpecError as error:
        return error.message
    for field, name in (("queueName", pod.queue_name), ("priorityClass", pod.priority_class)):
        if name is not None and not _is_label(name):
            return f'spec.run.pod.{field}: "{name}" is no name that a Job can carry: {_NAMES}'
    return None


def _is_label(name: str) -> bool:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        return False
    return True


def _refused(
    asked: JobSpec | RunPod, defaults: Mapping[str, Any], policy: JobPolicy
) -> Iterator[tuple[str, str]]:
    """Yield fields and what is wrong with them."""
    own = asked.own_image
    if own is not None and repository(own) is None:
        yield "image", f'"{own}" is not the name of an image: REGISTRY/PATH:TAG or @sha256:DIGEST'
    elif own is not None and not within(own, policy.images):
        yield "image", _text(own, "images", policy.images)
    classes = (
        (
            "priorityClassName",
            asked.priority_class_name,
            "priorityClasses",
            policy.priority_classes,
        ),
        (
            "priorityClass",
            asked.priority_class,
            "workloadPriorityClasses",
            policy.workload_priority_classes,
        ),
        ("runtimeClassName", asked.runtime_class_name, "runtimeClasses", policy.runtime_classes),
    )
    for field, name, value, allowed in classes:
        if name and name != defaults.get(field) and not _holds(allowed, name):
            yield field, _text(name, value, allowed)
    usual = defaults.get("nodeSelector", {})
    for key, wanted in (asked.node_selector or {}).items():
        if usual.get(key) != wanted and not _holds(policy.node_selector, key):
            yield "nodeSelector", _text(key, "nodeSelector", policy.node_selector)
    yield from _tolerations(asked, defaults, policy)
    yield from _sizes(asked, defaults, policy)


def _tolerations(
    asked: JobSpec | RunPod, defaults: Mapping[str, Any], policy: JobPolicy
) -> Iterator[tuple[str, str]]:
    usual = [TolerationSpec.model_validate(raw) for raw in defaults.get("tolerations") or ()]
    for index, toleration in enumerate(asked.tolerations or ()):
        if toleration in usual or _holds(policy.tolerations, toleration.key or ""):
            continue
        named = toleration.key or "a toleration of every taint"
        yield f"tolerations[{index}].key", _text(named, "tolerations", policy.tolerations)


def _sizes(
    asked: JobSpec | RunPod, defaults: Mapping[str, Any], policy: JobPolicy
) -> Iterator[tuple[str, str]]:
    gpu, usual = asked.gpu, GpuSpec.model_validate({"count": 0, **defaults.get("gpu", {})})
    if gpu is not None and gpu.count and gpu != usual:
        if not _holds(policy.resource_names, gpu.resource_name):
            told = _text(gpu.resource_name, "resourceNames", policy.resource_names)
            yield "gpu.resourceName", told
        if gpu.count > policy.maximum.gpu:
            yield "gpu.count", _above(str(gpu.count), "gpu", str(policy.maximum.gpu))
    most = {"cpu": policy.maximum.cpu, "memory": policy.maximum.memory}
    for part, sizes in (asked.resources.to_json_dict() if asked.resources else {}).items():
        for name, size in sizes.items():
            usual_size = defaults.get("resources", {}).get(part, {}).get(name, "0")
            if amount(size) > max(amount(most[name]), amount(str(usual_size))):
                yield f"resources.{part}.{name}", _above(size, name, most[name])


def _holds(allowed: Collection[str], name: str) -> bool:
    return name in allowed or _ANY in allowed


def _text(name: str, value: str, allowed: Collection[str]) -> str:
    listed = ", ".join(sorted(allowed)) or "none"
    return f'"{name}" is not allowed: jobPolicy.{value} in the chart\'s values allows {listed}'


def _above(size: str, name: str, most: str) -> str:
    return f"{size} is above {most}, which jobPolicy.maximum.{name} in the chart's values allows"
