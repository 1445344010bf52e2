"""A run begins: credentials from the store, the Secret that holds them, the Job that takes it."""

import asyncio
from dataclasses import dataclass

from clm_operator.artifacts.lender import Lender
from clm_operator.building.credentials import Grant, secret_manifest
from clm_operator.building.jobs import NewJob
from clm_operator.cluster.api import ConflictError
from clm_operator.cluster.resources import Cluster
from clm_operator.settings import TrainerSettings


@dataclass(frozen=True)
class Launcher:
    """Creates Jobs with the credentials that they wait for."""

    cluster: Cluster
    lender: Lender
    trainer: TrainerSettings

    async def start(self, job: NewJob) -> bool:
        """Create a Job; False if one of its name exists, which the next round looks at.

        Nothing is lent for a Job that could not be created anyway: a Secret can't be taken back.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable: the store lends no credentials, and there is no Job.
        InvalidError
            The API server says that the Job can't exist like this.
        ForbiddenError
            A quota or an admission rule is against the Job or its Secret.
        """
        if (account := self.trainer.account) is not None:
            namespace = job.manifest["metadata"]["namespace"]
            name = self.trainer.service_account_name
            await self.cluster.keep_account(namespace, name, account)
        if (grant := job.grant) is None:
            return await self.cluster.create_job(job.manifest) is not None
        try:
            await self.cluster.check_job(job.manifest)
        except ConflictError:
            return False
        lent = await asyncio.to_thread(self.lender.lend, grant.forms, grant.seconds)
        if not grant.follows:
            await self.cluster.create_secret(secret_manifest(grant, lent))
        made = await self.cluster.create_job(job.manifest)
        if made is not None and grant.follows:
            await self.cluster.create_secret(secret_manifest(grant.owned(made), lent))
        return made is not None

    async def lend(self, grant: Grant) -> None:
        """Make the Secret that a crash kept from a Job.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        ForbiddenError
            A quota or an admission rule is against the Secret.
        """
        lent = await asyncio.to_thread(self.lender.lend, grant.forms, grant.seconds)
        try:
            await self.cluster.create_secret(secret_manifest(grant, lent))
        except ConflictError:
            return
