"""The Jobs of a simulation: an Indexed one for each variant, and one that reduces.

A variant's result needs all of its slots, so an index that fails for good ends its Job: the others
would work for nothing. What stands in the store by then stays until the simulation goes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clm_api import environment
from clm_api.layout import SimulationLayout
from clm_api.run import RunPod
from clm_api.simulation_task import SimulationTask, TaskVariant
from clm_operator.jobs.credentials import LONGEST_S, Grant
from clm_operator.jobs.manifest import NewJob, manifest
from clm_operator.jobs.parts import Told, work_of
from clm_operator.jobs.split import containers_of
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.names import LABEL_FAMILY, LABEL_SIMULATION, reduce_job, variant_job
from clm_operator.owners import owned_by
from clm_operator.settings import CredentialsMode, Settings
from clm_operator.simulations.keys import grants_of, reduce_access, variant_access


def variant_pod(variant: TaskVariant, slots: int) -> RunPod:
    """Return the pod that trains a share of a variant's slots, one after the other."""
    pod, most = variant.run.pod, -(-slots // variant.indices)
    return pod.having(active_deadline_seconds=min(pod.active_deadline_seconds * most, LONGEST_S))


def reduce_pod(task: SimulationTask) -> RunPod:
    """Return the pod that reduces: the first variant's, of CLM's own image and without GPUs."""
    pod = task.variants[0].run.pod
    return pod.having(
        image=pod.fetch_image or pod.image, fetch_image=None, gpu=pod.gpu.having(count=0)
    )


def job_of_variant(
    simulation: SimulationObject,
    task: SimulationTask,
    number: int,
    settings: Settings,
    now: datetime,
) -> NewJob:
    """Return the Job that trains a variant's slots."""
    variant, name = task.variants[number], variant_job(simulation.name, number)
    pod = variant_pod(variant, simulation.status.variants[number].slots)
    grants = grants_of_variant(simulation, task, number, settings, now)
    values = {environment.VARIANT: variant.name}
    labels = {LABEL_FAMILY: str(variant.run.model.family)}
    made = _job(simulation, name, pod, environment.SIMULATE, values, labels, settings, grants)
    spec = made["spec"]
    del spec["backoffLimit"]
    spec |= {
        "completionMode": "Indexed",
        "completions": variant.indices,
        "parallelism": variant.indices,
        "backoffLimitPerIndex": pod.backoff_limit,
        "maxFailedIndexes": 0,
    }
    return NewJob(made, grants)


def job_that_reduces(
    simulation: SimulationObject, task: SimulationTask, settings: Settings, now: datetime
) -> NewJob:
    """Return the Job that judges all slots and writes the report."""
    name, grants = reduce_job(simulation.name), grants_to_reduce(simulation, task, settings, now)
    pod = reduce_pod(task)
    return NewJob(
        _job(simulation, name, pod, environment.REDUCE, {}, {}, settings, grants), grants
    )


def grants_of_variant(
    simulation: SimulationObject,
    task: SimulationTask,
    number: int,
    settings: Settings,
    now: datetime,
) -> tuple[Grant, ...]:
    """Return the keys of a variant's pods; none where the store lends none."""
    if settings.store.credentials is not CredentialsMode.PER_RUN:
        return ()
    variant = task.variants[number]
    pod = variant_pod(variant, simulation.status.variants[number].slots)
    own = variant_access(_layout(simulation), variant.name)
    job = variant_job(simulation.name, number)
    return grants_of(simulation, job, pod, own, [variant.run], settings, now)


def grants_to_reduce(
    simulation: SimulationObject, task: SimulationTask, settings: Settings, now: datetime
) -> tuple[Grant, ...]:
    """Return the keys of the pod that reduces; none where the store lends none."""
    if settings.store.credentials is not CredentialsMode.PER_RUN:
        return ()
    runs, own = [variant.run for variant in task.variants], reduce_access(_layout(simulation))
    job = reduce_job(simulation.name)
    return grants_of(simulation, job, reduce_pod(task), own, runs, settings, now)


def _layout(simulation: SimulationObject) -> SimulationLayout:
    return SimulationLayout(simulation.namespace, simulation.name, simulation.uid)


def _job(
    simulation: SimulationObject,
    name: str,
    pod: RunPod,
    command: str,
    values: Mapping[str, str],
    labels: Mapping[str, str],
    settings: Settings,
    grants: tuple[Grant, ...],
) -> dict[str, Any]:
    told = {
        environment.RUN_NAMESPACE: simulation.namespace,
        environment.RUN_SCHEDULE: simulation.name,
        environment.RUN_NAME: name,
        environment.RUN_UID: simulation.uid,
        environment.TASK_SHA256: simulation.status.task_sha256,
    }
    static = dict.fromkeys(containers_of(pod), settings.store.secret_name)
    secrets = {one.container: one.name for one in grants} or static
    meta = {
        "name": name,
        "namespace": simulation.namespace,
        "labels": {LABEL_SIMULATION: simulation.name, **labels},
        "ownerReferences": owned_by("Simulation", simulation.raw),
    }
    return manifest(meta, pod, work_of(pod, Told(command, {**told, **values}), secrets), settings)
