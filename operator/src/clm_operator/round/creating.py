"""A round's creates: versions, Jobs, keys. What is refused holds back itself and nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.cluster.api import ApiError, ExistsError, InvalidError
from clm_operator.cluster.resources import Cluster
from clm_operator.facts import Facts
from clm_operator.jobs.credentials import Grant
from clm_operator.jobs.manifest import NewJob
from clm_operator.mirror.objects import Key, made_for
from clm_operator.round.acts import (
    Create,
    CreateJob,
    CreateReplay,
    CreateVersion,
    LendReplay,
    LendRun,
)
from clm_operator.round.gather import FoundOut
from clm_operator.round.launch import Launcher
from clm_operator.round.manifests import (
    job_of,
    job_of_replay,
    keys_of,
    keys_of_replay,
    version_of,
)
from clm_operator.round.refusals import Refusals
from clm_operator.slots.admit import Begin
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Creator:
    """Makes what a plan asks for, and tells what only trying can tell."""

    cluster: Cluster
    launcher: Launcher
    refusals: Refusals
    metrics: Metrics
    wake: Callable[[Key], None]

    def known(self, key: Key) -> FoundOut:
        """Return what a first round knows: what is not to be tried yet."""
        short = self.refusals.short(key.namespace)
        return FoundOut(withheld=self.refusals.standing(key), quota_short=short)

    async def make(self, facts: Facts, creations: Iterable[Create], known: FoundOut) -> FoundOut:
        """Create versions, then Jobs, then keys that a crash kept from a Job."""
        tries = list[Awaitable[FoundOut]]()
        for act in creations:
            match act:
                case CreateVersion():
                    known |= await self._version(facts, act.begin)
                case CreateJob():
                    tries.append(self._job(facts, job_of(facts, act.run)))
                case CreateReplay():
                    tries.append(self._job(facts, job_of_replay(facts, act.replay)))
                case LendRun():
                    tries.append(self._lend(facts, keys_of(facts, act.run)))
                case LendReplay():
                    tries.append(self._lend(facts, keys_of_replay(facts, act.lacking)))
        return reduce(or_, await asyncio.gather(*tries), known)

    async def _version(self, facts: Facts, begin: Begin) -> FoundOut:
        name = begin.ask.name
        try:
            await self.cluster.create_version(version_of(facts, begin))
        except ExistsError:
            namespace = facts.key.namespace
            await self.cluster.refresh("ModelVersion", namespace, name)
            found = self.cluster.mirror.versions.get(namespace, name)
            if found is None:
                raise  # refused, and yet not there: a slot is decided only once its version is
            ours = made_for(found.raw) == facts.schedule.uid
            return FoundOut() if ours else FoundOut(taken=frozenset({name}))
        except InvalidError as error:
            return FoundOut(refused={name: error.message})
        except ApiError as error:
            return await self._held(facts.key, name, error)
        self.refusals.forget(facts.key, name)
        self.metrics.lateness(begin.ask, facts.schedule.created, self.refusals.clock.now())
        return FoundOut()

    async def _job(self, facts: Facts, job: NewJob) -> FoundOut:
        try:
            made = await self.launcher.start(job)
        except InvalidError as error:
            return FoundOut(refused={job.name: error.message})
        except (ApiError, ClmError) as error:
            return await self._held(facts.key, job.name, error, of_job=True)
        self.refusals.forget(facts.key, job.name)
        if not made:
            return FoundOut(taken=frozenset({job.name}))
        self.refusals.note_room(facts.key.namespace)
        return FoundOut()

    async def _lend(self, facts: Facts, grants: tuple[Grant, ...]) -> FoundOut:
        if not grants:
            return FoundOut()  # its Job was made before each run had keys of its own
        name = grants[0].job
        try:
            for grant in grants:
                await self.launcher.lend(grant)
        except (ApiError, ClmError) as error:
            return await self._held(facts.key, name, error, of_job=True)
        self.refusals.forget(facts.key, name)
        return FoundOut()

    async def _held(
        self,
        key: Key,
        name: str,
        error: ApiError | ClmError,
        *,
        of_job: bool = False,
    ) -> FoundOut:
        """Remember a refusal; where a quota refuses a Job, neighbours give their old ones away."""
        why = self.refusals.note(key, name, error)
        about = {"version": name, "reason": why.reason}
        _LOG.warning("%s: %s is held back: %s", key, name, why.message, extra=about)
        self.metrics.held(key, why.reason)
        short = of_job and why.reason is Reason.QUOTA_PENDING
        if short:
            await self.ask_for_room(key.namespace)
        return FoundOut(withheld={name: why}, quota_short=short)

    async def ask_for_room(self, namespace: str) -> None:
        """Have all schedules of a namespace give the places of finished Jobs away."""
        if self.refusals.short(namespace):
            return
        self.refusals.note_short(namespace)
        for key in self.cluster.mirror.keys(namespace):
            self.wake(key)
