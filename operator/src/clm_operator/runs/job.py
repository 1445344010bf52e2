"""The Job of a training run: what a schedule may decide comes frozen from its version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clm_api import environment
from clm_api.model_version import ModelVersionSpec
from clm_api.replay import Contender
from clm_operator.jobs.credentials import run_grants, shared_by
from clm_operator.jobs.manifest import NewJob, manifest
from clm_operator.jobs.parts import Told, work_of
from clm_operator.jobs.split import containers_of
from clm_operator.mirror.objects import Version
from clm_operator.names import LABEL_FAMILY, LABEL_SCHEDULE, LABEL_VERSION
from clm_operator.owners import owned_by
from clm_operator.settings import CredentialsMode, Settings


def training_job(
    version: Version,
    spec: ModelVersionSpec,
    settings: Settings,
    now: datetime,
    champion: Contender | None = None,
) -> NewJob:
    """Return the Job of a version, with credentials of its own where the store lends them.

    Parameters
    ----------
    champion
        The version in production: the run's tear sheet compares itself with it.
    """
    if settings.store.credentials is not CredentialsMode.PER_RUN:
        names = dict.fromkeys(containers_of(spec.run.pod), settings.store.secret_name)
        return NewJob(job_manifest(version, spec, settings, names, champion))
    folder = None if champion is None else settings.store.run_of(champion.uri)
    grants = run_grants(version, spec, now, folder, shared_by(settings.store, version.namespace))
    names = {grant.container: grant.name for grant in grants}
    made = job_manifest(version, spec, settings, names, champion)
    return NewJob(made, grants, lent_when_admitted=True)


def job_manifest(
    version: Version,
    spec: ModelVersionSpec,
    settings: Settings,
    secrets: Mapping[str, str | None],
    champion: Contender | None = None,
) -> dict[str, Any]:
    """Return the Job of a version; what a schedule may decide comes frozen from the version.

    Parameters
    ----------
    secrets
        The Secret with the keys to the store, by the container's name; None: the account stands
        for them.
    """
    data = spec.run.data
    labels = {
        LABEL_SCHEDULE: spec.schedule_ref.name,
        LABEL_FAMILY: str(spec.run.model.family),
        LABEL_VERSION: version.name,
    }
    values = {
        environment.RUN_SPEC: spec.run.model_dump_json(by_alias=True, exclude_none=True),
        environment.RUN_NAMESPACE: version.namespace,
        environment.RUN_SCHEDULE: spec.schedule_ref.name,
        environment.RUN_NAME: version.name,
        environment.RUN_UID: version.run_uid,
        environment.CHAMPION: (
            None if champion is None else champion.model_dump_json(by_alias=True)
        ),
    }
    told = Told("train", values, reads_fills=data.own_trades, secret_ref=data.secret_ref)
    meta = {
        "name": version.name,
        "namespace": version.namespace,
        "labels": labels,
        "ownerReferences": owned_by("ModelVersion", version.raw),
    }
    work = work_of(spec.run.pod, told, secrets)
    return manifest(meta, spec.run.pod, work, settings)
