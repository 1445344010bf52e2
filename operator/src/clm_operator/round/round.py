"""Gather → plan → act → status → events: the story of the operator.

A round changes at most what its plan says and then looks again; every write is guarded by a name
or a resourceVersion, so a round that was cut off anywhere is finished by the next one.
"""

import logging
from dataclasses import dataclass, replace

from clm_api.errors import ClmError
from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, ConflictError, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.round.creating import Creator
from clm_operator.round.gather import gather
from clm_operator.round.plan import Plan, plan
from clm_operator.round.queue import Again
from clm_operator.round.retire import Undertaker
from clm_operator.round.writing import Writer, Written
from clm_operator.settings import Settings
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.results import ArtifactReader
from clm_operator.store.standing import Standing
from clm_operator.telling.prometheus import Metrics
from clm_operator.view import Snapshot

_LOG = logging.getLogger(__name__)
_MAX_ROUNDS = 8
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
            snapshot = await gather(key, self.cluster, self.reader, self.clock, known)
            snapshot = replace(snapshot, store=self.standing.tell(snapshot))
            self.metrics.seen(snapshot)
            if snapshot.schedule is None:
                self.creator.refusals.forget(key)
            decided = plan(snapshot, self.settings)
            if decided.needs_room:
                await self.creator.ask_for_room(key.namespace)
            if decided.creates and await self._outdated(decided, key):
                continue
            try:
                learned = await self.creator.make(snapshot, decided, known)
                if decided.creates or learned != known:
                    known = learned
                    continue  # one status for what was and what is made
                await self._delete(snapshot, decided)
                written = await self._write(snapshot, decided)
            except (ConflictError, NotFoundError) as error:
                _LOG.info("%s changed meanwhile, looking again: %s", key, error)
                continue
            if not written.changed:
                return await self._rest(snapshot, decided, written)
        raise TooManyRoundsError(key)

    async def _outdated(self, decided: Plan, key: Key) -> bool:
        """Read live what a create rests on; return whether a round decided on something older.

        Another operator may have gone on: names are locks only for as long as they are taken.
        """
        namespace, mirror, stale = key.namespace, self.cluster.mirror, False
        if decided.create_versions or not mirror.schedules.is_own(namespace, key.name):
            stale = await self.cluster.refresh("TrainingSchedule", namespace, key.name)
        for job in decided.create_jobs:
            if not mirror.versions.is_own(namespace, job.name):
                stale |= await self.cluster.refresh("ModelVersion", namespace, job.name)
        return stale

    async def _write(self, snapshot: Snapshot, decided: Plan) -> Written:
        """Write and tell; raise where an object was changed meanwhile."""
        written = await self.writer.write(snapshot, decided)
        if written.outdated is not None:
            raise written.outdated
        return written

    async def _rest(self, snapshot: Snapshot, decided: Plan, written: Written) -> Again | None:
        """Tidy up; only then complain of a status that was refused, and try it again later."""
        schedule, tidy = snapshot.schedule, True
        if schedule is None or schedule.uid not in written.unwritten:
            tidy = await self._tidy(snapshot, decided)
        if written.refused is not None:
            raise written.refused
        return self._again(snapshot.key, decided, tidy=tidy, unheard=written.unheard)

    async def _delete(self, snapshot: Snapshot, decided: Plan) -> None:
        """Delete Jobs; one that stays is tried again at the next look."""
        for old in decided.delete_jobs:
            try:
                await self.cluster.delete_job(snapshot.key.namespace, old.name, old.uid)
            except ApiError as error:
                _LOG.warning("%s: Job %s stays: %s", snapshot.key, old.name, error)

    async def _tidy(self, snapshot: Snapshot, decided: Plan) -> bool:
        """Bring the store in line; return whether it answered. Nothing else waits for it."""
        try:
            if decided.pointer is not None:
                await self.pointers.publish(snapshot.key, decided.pointer)
            for version in decided.delete_versions:
                await self.undertaker.retire(snapshot.key, version)
        except (ApiError, ClmError) as error:
            _LOG.warning("%s: %s", snapshot.key, error)
            return False
        return True

    def _again(self, key: Key, decided: Plan, *, tidy: bool, unheard: bool) -> Again | None:
        waits = [] if tidy else [Again(_STORE_AGAIN_S)]
        if unheard:
            waits.append(Again(max(self.writer.teller.rest_s(key.namespace), 1.0)))
        if (at := decided.wake_at) is not None:
            status = decided.schedule_status
            due = status is not None and status.next_schedule_time == at
            waits.append(Again(max((at - self.clock.now()).total_seconds(), 0.0), due))
        return min(waits, key=lambda again: again.seconds, default=None)
