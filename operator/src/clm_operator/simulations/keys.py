"""What the pods of a simulation may do in the store, and the keys that let them.

A pod of a variant reads bars and its task, and writes nothing but its variant's folder. The one
that reduces reads all of the simulation, and writes the report. None has an exchange key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from clm_api.environment import CONTAINER, FETCHER
from clm_api.layout import SimulationLayout
from clm_api.run import RunPod, RunSpec
from clm_operator.jobs.access import Access, shared_access
from clm_operator.jobs.credentials import Grant, granted, shared_by
from clm_operator.jobs.split import containers_of, only_reading
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.names import LABEL_SIMULATION
from clm_operator.settings import Settings


def variant_access(layout: SimulationLayout, variant: str) -> Access:
    """Return what a pod of a variant needs beside its data."""
    return Access(reads=(layout.task,), writes=(layout.variant_pattern(variant),))


def reduce_access(layout: SimulationLayout) -> Access:
    """Return what the pod that reduces needs beside its data."""
    return Access(reads=(layout.pattern,), writes=(layout.attempts_pattern, layout.manifest))


def grants_of(
    simulation: SimulationObject,
    job: str,
    pod: RunPod,
    own: Access,
    runs: Sequence[RunSpec],
    settings: Settings,
    now: datetime,
) -> tuple[Grant, ...]:
    """Return what the containers of a Job's pods need, in the order in which they work."""
    shared = shared_by(settings.store, simulation.namespace)
    fetched = [run.having(data=run.data.having(own_trades=False)) for run in runs]
    read = fetched if pod.own_image is None else [only_reading(run) for run in fetched]
    needed: Mapping[str, tuple[Access, Sequence[RunSpec]]] = {
        FETCHER: (Access(reads=own.reads), fetched),
        CONTAINER: (own, read),
    }
    secret = {
        "namespace": simulation.namespace,
        "labels": {LABEL_SIMULATION: simulation.name},
    }
    return tuple(
        granted(
            job,
            secret,
            tuple(files | data for data in shared_access(specs, shared)),
            pod,
            container,
            f"{simulation.uid}/{job}",
            now,
        )
        for container in containers_of(pod)
        for files, specs in (needed[container],)
    )
