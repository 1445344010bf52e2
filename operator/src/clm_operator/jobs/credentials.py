"""Credentials for one run: what for, for how long, and the Secrets that bring them to its pods."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from clm_api.environment import CONTAINER, FETCHER
from clm_api.layout import RunLayout
from clm_api.model_version import ModelVersionSpec
from clm_api.run import RunPod, RunSpec
from clm_operator.jobs.access import Access, Shared, run_access, shared_access
from clm_operator.jobs.split import containers_of, only_reading
from clm_operator.mirror.objects import Job, Pod, Version
from clm_operator.names import LABEL_SCHEDULE, LABEL_VERSION
from clm_operator.owners import owned_by
from clm_operator.settings import StoreSettings

SHORTEST_S = 3600
"""The client library asks for no less."""
LONGEST_S = 7 * 86400
"""As long as any MinIO lends."""
_MARGIN_S = 600


@dataclass(frozen=True)
class Credentials:
    """Keys that the store lent."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


NOBODY = Credentials("none", "none", "none")
"""What stands in a Secret that is only tried."""


@dataclass(frozen=True)
class Grant:
    """Credentials that a Job waits for.

    Parameters
    ----------
    job
        Name of the Job.
    secret
        metadata of the Secret that will hold them. Its Job owns it, so it is made after it.
    forms
        What they are good for, from narrow to wide: the first that a policy can hold.
    seconds
        How long they must last.
    container
        Whose environment they are for.
    """

    job: str
    secret: dict[str, Any]
    forms: tuple[Access, ...]
    seconds: int
    container: str = CONTAINER

    @property
    def name(self) -> str:
        """The Secret's name."""
        return str(self.secret["name"])

    def named(self, name: str) -> "Grant":
        """Return the same for a Secret of another name."""
        return replace(self, secret=self.secret | {"name": name})

    def owned(self, job: dict[str, Any]) -> "Grant":
        """Return the same for a Secret that goes with a Job."""
        owners = owned_by("Job", job, "batch/v1")
        return replace(self, secret=self.secret | {"ownerReferences": owners})

    def owned_by_pod(self, pod: Pod) -> "Grant":
        """Return the same for a Secret that goes with a pod: a later one gets keys of its own."""
        owners = owned_by("Pod", {"metadata": {"name": pod.name, "uid": pod.uid}}, "v1")
        return replace(self, secret=self.secret | {"ownerReferences": owners})


def shared_by(store: StoreSettings, namespace: str) -> Shared:
    """Return what the configuration says of what a namespace's runs share."""
    return Shared(store.data_folder(namespace), store.widest_keys.forms)


def run_grants(
    version: Version,
    spec: ModelVersionSpec,
    now: datetime,
    champion: RunLayout | None = None,
    shared: Shared | None = None,
) -> tuple[Grant, ...]:
    """Return what the containers of a training run need, in the order in which they work.

    An own image only reads what others share, and writes its own run.

    Parameters
    ----------
    champion
        The run in production, which is read for the comparison.

    Every round names other Secrets: nothing has to be read or replaced.
    """
    namespace, schedule = version.namespace, spec.schedule_ref.name
    layout = RunLayout(namespace, schedule, version.run_uid)
    labels = {LABEL_SCHEDULE: schedule, LABEL_VERSION: version.name}
    trains = spec.run if spec.run.pod.own_image is None else only_reading(spec.run)
    forms = {
        FETCHER: run_access(layout, spec.run, None, shared),
        CONTAINER: run_access(layout, trains, champion, shared),
    }
    return tuple(
        Grant(
            job=version.name,
            secret={
                "name": f"{version.name}-{_digest(version.uid, now, container)}",
                "namespace": namespace,
                "labels": labels,
            },
            forms=forms[container],
            seconds=lifetime_s(spec.run.pod),
            container=container,
        )
        for container in containers_of(spec.run.pod)
    )


def replay_grants(
    job: str,
    secret: dict[str, Any],
    own: Access,
    runs: Sequence[RunSpec],
    now: datetime,
    shared: Shared | None = None,
) -> tuple[Grant, ...]:
    """Return what the containers of a replay need, in the order in which they work.

    Parameters
    ----------
    own
        Files of runs that are read, and the report that is written.
    runs
        Specs of those runs, as far as they are known: whose bars are read. The first one's pod
        does the work.
    """
    pod = runs[0].pod
    replayed = runs if pod.own_image is None else [only_reading(run) for run in runs]
    needed = {
        FETCHER: (Access(reads=own.reads), runs),
        CONTAINER: (own, replayed),
    }
    grants = []
    for container in containers_of(pod):
        files, read = needed[container]
        name = f"{job}-{_digest(own.writes[0], now, container)}"
        forms = tuple(files | data for data in shared_access(read, shared))
        grants.append(Grant(job, secret | {"name": name}, forms, lifetime_s(pod), container))
    return tuple(grants)


def secret_name(job: str, owner: str, container: str, now: datetime) -> str:
    """Return the name of the Secret for a container of a Job: another one in every round.

    Parameters
    ----------
    owner
        Tells the Job from one of the same name before it.
    """
    return f"{job}-{_digest(owner, now, container)}"


def regrant(grant: Grant, job: Job, *, queued: bool = False) -> Grant | None:
    """Return the grant of a Job that exists, for the Secret that its pods wait for.

    None where that is not one of its own: it was made before each run had keys of its own.

    Parameters
    ----------
    queued
        Whether a queue may put the Job back: its Secret, whose name never changes and which nobody
        may replace, then goes with the pod.
    """
    sources = job.container_of(grant.container).get("envFrom", ())
    named = (one.get("secretRef", {}).get("name", "") for one in sources)
    waits_for = next((name for name in named if name.startswith(f"{job.name}-")), None)
    if waits_for is None:
        return None
    named_so, pod = grant.named(waits_for), job.pods[-1] if job.pods else None
    return named_so.owned_by_pod(pod) if queued and pod else named_so.owned(job.raw)


def secret_manifest(grant: Grant, lent: Credentials) -> dict[str, Any]:
    """Return the Secret, immutable, with the names that a pod's environment gets."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": grant.secret,
        "immutable": True,
        "stringData": {
            "AWS_ACCESS_KEY_ID": lent.access_key,
            "AWS_SECRET_ACCESS_KEY": lent.secret_key,
            "AWS_SESSION_TOKEN": lent.session_token,
        },
    }


def _digest(uid: str, now: datetime, container: str) -> str:
    return hashlib.sha256(f"{uid}/{now.isoformat()}/{container}".encode()).hexdigest()[:8]


def lifetime_s(pod: RunPod) -> int:
    """Return the longest that a run may take, from when on its pods may be made."""
    wanted = pod.pending_deadline_seconds + pod.active_deadline_seconds + _MARGIN_S
    return min(max(wanted, SHORTEST_S), LONGEST_S)
