"""A run begins: credentials from the store, the Job, the Secret that brings them to its pods."""

import asyncio
from dataclasses import dataclass

from clm_operator.cluster.api import ExistsError
from clm_operator.cluster.resources import Cluster
from clm_operator.jobs.credentials import NOBODY, Credentials, Grant, secret_manifest
from clm_operator.jobs.manifest import NewJob
from clm_operator.settings import TrainerSettings
from clm_operator.store.lender import Lender


@dataclass(frozen=True)
class Launcher:
    """Creates Jobs with the credentials that they wait for."""

    cluster: Cluster
    lender: Lender
    trainer: TrainerSettings

    async def start(self, job: NewJob) -> bool:
        """Create a Job, then the Secrets that its pods wait for, which go with it.

        Returns False if a Job of its name exists, which the next round looks at. Nothing is lent
        for a Job that could not be created anyway, or whose Secret could not. A queue may say of a
        Job that it waits: then keys are lent once it has a pod.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable: the store lends no credentials, and there is no Job.
        InvalidError
            The API server says that the Job can't exist like this.
        ApiError
            A quota, an admission rule or webhook is against the Job or its Secret, or is away.
        """
        if (account := self.trainer.account) is not None:
            namespace = job.manifest["metadata"]["namespace"]
            name = self.trainer.service_account_name
            await self.cluster.keep_account(namespace, name, account)
        if not job.grants:
            return await self.cluster.create_job(job.manifest) is not None
        try:
            tried = await self.cluster.check_job(job.manifest)
        except ExistsError:
            return False
        for grant in job.grants:
            await self.cluster.check_secret(secret_manifest(grant, NOBODY))
        if job.lent_when_admitted and tried["spec"].get("suspend"):
            return await self.cluster.create_job(job.manifest) is not None
        lent = await asyncio.gather(*map(self._lent, job.grants))
        made = await self.cluster.create_job(job.manifest)
        if made is None:
            return False
        for grant, keys in zip(job.grants, lent, strict=True):
            await self.cluster.create_secret(secret_manifest(grant.owned(made), keys))
        return True

    async def _lent(self, grant: Grant) -> Credentials:
        return await asyncio.to_thread(self.lender.lend, grant.forms, grant.seconds)

    async def lend(self, grant: Grant) -> None:
        """Make the Secret that a crash or a refusal kept from a Job, unless it is there by now.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        ApiError
            A quota, an admission rule or webhook is against the Secret, or is away.
        """
        try:
            await self.cluster.check_secret(secret_manifest(grant, NOBODY))
            keys = await self._lent(grant)
            await self.cluster.create_secret(secret_manifest(grant, keys))
        except ExistsError:
            return
