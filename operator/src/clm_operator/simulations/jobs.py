"""The Jobs of a simulation: an Indexed one for each variant, and one that reduces.

A variant's result needs all of its slots, so an index that fails for good ends its Job: the others
would work for nothing. Slots that stand in the store by then stay there.

A pod of a variant reads bars and its task, and writes nothing but its variant's folder.
The one that reduces reads all of the simulation, and writes the report. None has an exchange key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clm_api import environment
from clm_api.environment import CONTAINER, FETCHER
from clm_api.layout import SimulationLayout
from clm_api.run import RunPod, RunSpec
from clm_api.simulation_task import SimulationTask
from clm_operator.jobs.access import Access, shared_access
from clm_operator.jobs.credentials import (
    LONGEST_S,
    Grant,
    lifetime_s,
    secret_name,
    shared_by,
)
from clm_operator.jobs.manifest import NewJob, manifest
from clm_operator.jobs.parts import Told, work_of
from clm_operator.jobs.split import containers_of, only_reading
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.names import LABEL_FAMILY, LABEL_SIMULATION, reduce_job, variant_job
from clm_operator.owners import owned_by
from clm_operator.settings import CredentialsMode, Settings


@dataclass(frozen=True)
class Piece:
    """The work of one Job.

    Parameters
    ----------
    name
        The Job's.
    own
        What its pods need in the store beside data.
    runs
        Whose data they read.
    indices
        Pods that share the work; None: one pod does all of it.
    values
        Variables of its own.
    """

    simulation: SimulationObject
    name: str
    command: str
    pod: RunPod
    own: Access
    runs: tuple[RunSpec, ...]
    indices: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def piece_of(simulation: SimulationObject, task: SimulationTask, number: int | None) -> Piece:
    """Return the work of a variant's Job; without a number, that of the Job that reduces."""
    return _reduces(simulation, task) if number is None else _trains(simulation, task, number)


def _trains(simulation: SimulationObject, task: SimulationTask, number: int) -> Piece:
    """Return the training of a variant's slots; each pod trains its share one after the other.

    All numbers are those of CPUs, as ``clm simulate`` has them: a GPU would lie idle.
    """
    variant, layout = task.variants[number], _layout(simulation)
    most = -(-simulation.status.variants[number].slots // variant.indices)
    pod = variant.run.pod
    return Piece(
        simulation=simulation,
        name=variant_job(simulation.name, number),
        command=environment.SIMULATE,
        pod=pod.having(
            gpu=pod.gpu.having(count=0),
            active_deadline_seconds=min(pod.active_deadline_seconds * most, LONGEST_S),
        ),
        own=Access(
            reads=(layout.task,),
            writes=(layout.variant_pattern(variant.name),),
        ),
        runs=(variant.run,),
        indices=variant.indices,
        values={environment.VARIANT: variant.name},
        labels={LABEL_FAMILY: str(variant.run.model.family)},
    )


def _reduces(simulation: SimulationObject, task: SimulationTask) -> Piece:
    """Return the last step, by the first variant's pod with CLM's own image and without GPUs."""
    pod, layout = task.variants[0].run.pod, _layout(simulation)
    return Piece(
        simulation=simulation,
        name=reduce_job(simulation.name),
        command=environment.REDUCE,
        pod=pod.having(
            image=pod.fetch_image or pod.image, fetch_image=None, gpu=pod.gpu.having(count=0)
        ),
        own=Access(reads=(layout.pattern,), writes=(layout.attempts_pattern, layout.manifest)),
        runs=tuple(variant.run for variant in task.variants),
    )


def _layout(simulation: SimulationObject) -> SimulationLayout:
    return SimulationLayout(simulation.namespace, simulation.name, simulation.uid)


def grants_of(piece: Piece, settings: Settings, now: datetime) -> tuple[Grant, ...]:
    """Return what the containers of a Job need, in the order in which they work.

    None where the store lends no keys.
    """
    if settings.store.credentials is not CredentialsMode.PER_RUN:
        return ()
    simulation, pod = piece.simulation, piece.pod
    fetched = [run.having(data=run.data.having(own_trades=False)) for run in piece.runs]
    read = fetched if pod.own_image is None else [only_reading(run) for run in fetched]
    needed = {FETCHER: (Access(reads=piece.own.reads), fetched), CONTAINER: (piece.own, read)}
    shared, grants = shared_by(settings.store, simulation.namespace), list[Grant]()
    # All pods share one Secret, made once: a queue may put the Job back and let it go again.
    seconds = LONGEST_S if pod.queue_name else lifetime_s(pod)
    for container in containers_of(pod):
        files, runs = needed[container]
        secret = {
            "name": secret_name(piece.name, f"{simulation.uid}/{piece.name}", container, now),
            "namespace": simulation.namespace,
            "labels": {LABEL_SIMULATION: simulation.name},
        }
        forms = tuple(files | data for data in shared_access(runs, shared))
        grants.append(Grant(piece.name, secret, forms, seconds, container))
    return tuple(grants)


def job_of(piece: Piece, settings: Settings, now: datetime) -> NewJob:
    """Return the Job of a piece, with keys of its own where the store lends them."""
    simulation, pod = piece.simulation, piece.pod
    grants = grants_of(piece, settings, now)
    told = {
        environment.RUN_NAMESPACE: simulation.namespace,
        environment.RUN_SCHEDULE: simulation.name,
        environment.RUN_NAME: piece.name,
        environment.RUN_UID: simulation.uid,
        environment.TASK_SHA256: simulation.status.task_sha256,
        **piece.values,
    }
    static = dict.fromkeys(containers_of(pod), settings.store.secret_name)
    secrets = {one.container: one.name for one in grants} or static
    meta = {
        "name": piece.name,
        "namespace": simulation.namespace,
        "labels": {LABEL_SIMULATION: simulation.name, **piece.labels},
        "ownerReferences": owned_by("Simulation", simulation.raw),
    }
    made = manifest(meta, pod, work_of(pod, Told(piece.command, told), secrets), settings)
    if piece.indices is not None:
        del made["spec"]["backoffLimit"]
        made["spec"] |= {
            "completionMode": "Indexed",
            "completions": piece.indices,
            "parallelism": piece.indices,
            "backoffLimitPerIndex": pod.backoff_limit,
            "maxFailedIndexes": 0,
        }
    return NewJob(made, grants, lent_when_admitted=True)
