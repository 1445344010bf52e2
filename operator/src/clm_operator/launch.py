"""A run begins: credentials from the store, the Secret that holds them, the Job that takes it."""

import asyncio
from dataclasses import dataclass

from clm_operator.artifacts.lender import Lender
from clm_operator.building.credentials import secret_manifest
from clm_operator.building.jobs import NewJob
from clm_operator.cluster.api import ConflictError
from clm_operator.cluster.resources import Cluster


@dataclass(frozen=True)
class Launcher:
    """Creates Jobs, each after the credentials that it waits for."""

    cluster: Cluster
    lender: Lender

    async def start(self, job: NewJob) -> None:
        """Create a Job; one that exists is looked at in the next round.

        Nothing is lent for a Job that could not be created anyway: a Secret can't be taken back.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable: the store lends no credentials, and there is no Job.
        InvalidError
            The API server says that the Job can't exist like this.
        """
        if job.grant is not None:
            try:
                await self.cluster.check_job(job.manifest)
            except ConflictError:
                return
            lent = await asyncio.to_thread(self.lender.lend, job.grant.forms, job.grant.seconds)
            await self.cluster.create_secret(secret_manifest(job.grant, lent))
        await self.cluster.create_job(job.manifest)
