"""View → facts → findings → plan → acts → happenings: the story of the operator.

A round changes at most what its plan says and then looks again; every write is guarded by a name
or a resourceVersion, so a round that was cut off anywhere is finished by the next one.
"""

import logging
from dataclasses import dataclass, replace

from clm_api.errors import ClmError
from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, ConflictError, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.facts import Facts
from clm_operator.mirror.objects import Job, Key
from clm_operator.round.acts import (
    CreateJob,
    CreateVersion,
    MakeRoom,
    Plan,
    Publish,
    PublishSignal,
    Retire,
)
from clm_operator.round.creating import Creator
from clm_operator.round.deriving import facts_of
from clm_operator.round.gather import FoundOut, view_of
from clm_operator.round.plan import plan
from clm_operator.round.queue import Again
from clm_operator.round.reading import read
from clm_operator.round.retire import Undertaker
from clm_operator.round.writing import Writer, Written
from clm_operator.settings import Settings
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import ArtifactReader
from clm_operator.store.standing import Standing
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_MAX_ROUNDS = 10
_STORE_AGAIN_S = 30.0


class TooManyRoundsError(Exception):
    """The objects changed under every round; the queue tries again later."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"{key} changed under each of {_MAX_ROUNDS} rounds")


@dataclass(frozen=True)
class Reconciler:
    """Brings one schedule where its spec wants it.

    Parameters
    ----------
    cluster, reader, writer, pointers, creator, undertaker, standing, clock
        The outside world.
    """

    cluster: Cluster
    reader: ArtifactReader
    writer: Writer
    pointers: PointerWriter
    creator: Creator
    undertaker: Undertaker
    standing: Standing
    settings: Settings
    clock: Clock
    metrics: Metrics

    async def __call__(self, key: Key) -> Again | None:
        """Run rounds until nothing is left to do; return when to look again."""
        known = self.creator.known(key)
        for _ in range(_MAX_ROUNDS):
            view = await view_of(key, self.cluster, self.clock, known)
            view = replace(view, store=self.standing.tell(view))
            self.metrics.seen(view)
            if view.schedule is None:
                self.creator.refusals.forget(key)
            if (facts := facts_of(view, self.settings)) is None:
                return None
            decided = plan(facts, await read(facts, self.reader))
            if decided.creates and await self._outdated(decided, key):
                continue
            try:
                learned = await self._begin(facts, decided, known)
                if decided.creates or learned != known:
                    known = learned
                    continue  # one status for what was and what is made
                written = await self._go_on(facts, decided)
            except (ConflictError, NotFoundError) as error:
                _LOG.info("%s changed meanwhile, looking again: %s", key, error)
                continue
            if not written.changed:
                return await self._rest(facts, decided, written)
        raise TooManyRoundsError(key)

    async def _outdated(self, decided: Plan, key: Key) -> bool:
        """Read live what a create rests on; return whether a round decided on something older.

        Another operator may have gone on: names are locks only for as long as they are taken.
        """
        namespace, mirror, stale = key.namespace, self.cluster.mirror, False
        made = list(decided.creations)
        names = [act.run.version.name for act in made if isinstance(act, CreateJob)]
        begins = any(isinstance(act, CreateVersion) for act in made)
        if begins or not mirror.schedules.is_own(namespace, key.name):
            stale = await self.cluster.refresh("TrainingSchedule", namespace, key.name)
        for name in names:
            if not mirror.versions.is_own(namespace, name):
                stale |= await self.cluster.refresh("ModelVersion", namespace, name)
        return stale

    async def _begin(self, facts: Facts, decided: Plan, known: FoundOut) -> FoundOut:
        """Make room, then what is to be made; return what is known then."""
        if any(isinstance(act, MakeRoom) for act in decided.acts):
            await self.creator.ask_for_room(facts.key.namespace)
        return await self.creator.make(facts, decided.creations, known)

    async def _go_on(self, facts: Facts, decided: Plan) -> Written:
        """Delete, write and tell; raise where an object was changed meanwhile."""
        for act in decided.deletions:
            await self._delete(facts, act.job)
        written = await self.writer.write(facts, decided.writes)
        if written.outdated is not None:
            raise written.outdated
        return written

    async def _rest(self, facts: Facts, decided: Plan, written: Written) -> Again | None:
        """Tidy up; only then complain of a status that was refused, and try it again later."""
        tidy = True
        if facts.schedule.uid not in written.unwritten:
            tidy = await self._tidy(facts, decided)
        if written.refused is not None:
            raise written.refused
        return self._again(facts.key, decided, tidy=tidy, unheard=written.unheard)

    async def _delete(self, facts: Facts, job: Job) -> None:
        """Delete a Job; one that stays is tried again at the next look."""
        try:
            await self.cluster.delete_job(facts.key.namespace, job.name, job.uid)
        except ApiError as error:
            _LOG.warning("%s: Job %s stays: %s", facts.key, job.name, error)

    async def _tidy(self, facts: Facts, decided: Plan) -> bool:
        """Bring the store in line; return whether it answered. Nothing else waits for it."""
        try:
            for act in decided.tidying:
                match act:
                    case Publish():
                        await self.pointers.publish(facts.key, act.pointer)
                    case PublishSignal():
                        await self.pointers.signal(facts.key, act.signal)
                    case Retire():
                        await self.undertaker.retire(facts.key, act.version)
        except (ApiError, ClmError) as error:
            _LOG.warning("%s: %s", facts.key, error)
            return False
        return True

    def _again(self, key: Key, decided: Plan, *, tidy: bool, unheard: bool) -> Again | None:
        waits = [] if tidy else [Again(_STORE_AGAIN_S)]
        if unheard:
            waits.append(Again(max(self.writer.teller.rest_s(key.namespace), 1.0)))
        if (at := decided.wake_at) is not None:
            wait_s = max((at - self.clock.now()).total_seconds(), 0.0)
            waits.append(Again(wait_s, decided.due))
        return min(waits, key=lambda again: again.seconds, default=None)
