"""Gather → plan → act → status → events: the story of the operator.

A round changes at most what its plan says and then looks again; every write is guarded by a name
or a resourceVersion, so a round that was cut off anywhere is finished by the next one.
"""

import logging
from dataclasses import dataclass, replace

from clm_api.errors import ClmError
from clm_operator.artifacts.pointer import PointerWriter
from clm_operator.artifacts.reader import ArtifactReader
from clm_operator.artifacts.standing import Standing
from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, ConflictError
from clm_operator.cluster.resources import Cluster
from clm_operator.creating import Creator
from clm_operator.gather import gather
from clm_operator.metrics import Metrics
from clm_operator.planning.decide import Plan, plan
from clm_operator.retire import Undertaker
from clm_operator.settings import Settings
from clm_operator.snapshot import Key, Snapshot
from clm_operator.writing import Writer, Written

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

    async def __call__(self, key: Key) -> float | None:
        """Run rounds until nothing is left to do; return when to look again, in seconds."""
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
            try:
                learned = await self.creator.make(snapshot, decided, known)
                if learned != known:
                    known = learned
                    continue
                await self._delete(snapshot, decided)
                written = await self._write(snapshot, decided)
            except ConflictError as error:
                _LOG.info("%s changed meanwhile, looking again: %s", key, error)
                continue
            if not decided.creates and not written.changed:
                return await self._rest(snapshot, decided, written)
        raise TooManyRoundsError(key)

    async def _write(self, snapshot: Snapshot, decided: Plan) -> Written:
        """Write, and tell what was written, also where a conflict cut it off."""
        written = await self.writer.write(snapshot, decided)
        await self.writer.tell(snapshot, decided, written)
        if written.conflict is not None:
            raise written.conflict
        return written

    async def _rest(self, snapshot: Snapshot, decided: Plan, written: Written) -> float | None:
        """Tidy up; only then complain of a status that was refused, and try it again later."""
        schedule, tidy = snapshot.schedule, True
        if schedule is None or schedule.uid not in written.unwritten:
            tidy = await self._tidy(snapshot, decided)
        if written.refused is not None:
            raise written.refused
        return self._delay(decided, tidy=tidy)

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

    def _delay(self, decided: Plan, *, tidy: bool) -> float | None:
        waits = [] if tidy else [_STORE_AGAIN_S]
        if decided.wake_at is not None:
            waits.append(max((decided.wake_at - self.clock.now()).total_seconds(), 0.0))
        return min(waits, default=None)
