"""A round's statuses are written, and what each says is told at once: no event without its write.

What is refused holds up no other object: the refusal comes back beside what was written.
"""

import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from clm_api.lifecycle import Stage
from clm_operator.cluster.api import ApiError, ConflictError, NotFoundError
from clm_operator.cluster.patches import merge_patch
from clm_operator.cluster.resources import Cluster, Raw
from clm_operator.facts import Facts
from clm_operator.mirror.objects import ScheduleObject, Version
from clm_operator.round.acts import RemoveRequest, Write, WriteSchedule, WriteVersion
from clm_operator.telling.happenings import bounded
from clm_operator.telling.outgoing import Outgoing, untold_events
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.teller import Teller

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class Written:
    """What became of a round's writes.

    Parameters
    ----------
    unwritten
        Uids of the objects whose status is not what the plan says.
    patched
        Uids of the objects whose status was changed.
    changed
        Whether any write changed an object.
    refused
        The last refusal.
    outdated
        An object was changed meanwhile, or is gone: nothing was written after it.
    unheard
        Whether something is to be told again.
    """

    unwritten: set[str] = field(default_factory=set)
    patched: set[str] = field(default_factory=set)
    changed: bool = False
    refused: ApiError | None = None
    outdated: ConflictError | NotFoundError | None = None
    unheard: bool = False


@dataclass(frozen=True)
class Writer:
    """Writes what a plan says of its objects, and tells what each write makes true."""

    cluster: Cluster
    teller: Teller
    metrics: Metrics
    outgoing: Outgoing = field(default_factory=Outgoing)

    async def write(self, facts: Facts, writes: Iterable[Write]) -> Written:
        """Write the statuses that differ, then remove requests that are decided."""
        todo = list(writes)
        written = Written({_of(act).uid for act in todo if not isinstance(act, RemoveRequest)})
        try:
            for act in todo:
                match act:
                    case WriteVersion():
                        await self._version(facts, act, written)
                    case WriteSchedule():
                        await self._status(facts, act, written)
                    case RemoveRequest():
                        await self._request(act.version, written)
        except (ConflictError, NotFoundError) as error:
            written.outdated = error
        return written

    async def _version(self, facts: Facts, act: WriteVersion, written: Written) -> None:
        if written.refused is not None and act.status.stage is Stage.PRODUCTION:
            return  # who has to leave production before it may still be there
        if await self._status(facts, act, written):
            self.metrics.outcome(facts.key, act.version, act.status)
            self.metrics.decision(facts.key, act.version, act.status)
            self.metrics.preempted(facts.key, act.version, act.status)

    async def _request(self, version: Version, written: Written) -> None:
        if version.uid in written.patched:
            return  # it has another resourceVersion by now; the next round removes it
        try:
            await self._current(version.raw, self.cluster.remove_request(version.raw))
        except (ConflictError, NotFoundError):
            raise
        except ApiError as error:
            written.refused = error
        else:
            written.changed = True

    async def _status(
        self, facts: Facts, act: WriteVersion | WriteSchedule, written: Written
    ) -> bool:
        """Write a status and tell what it says; return whether it is what it is to be.

        Raises
        ------
        ConflictError, NotFoundError
            The object was changed meanwhile, or is gone.
        """
        key, now, raw = facts.key, facts.now, _of(act).raw
        before, after = _of(act).status, act.status
        waiting = untold_events(before.untold)
        unheard = {one.id for one in await self.teller.tell(key, raw, waiting, now)}
        heard = {one.id for one in waiting} - unheard
        uid = str(raw["metadata"]["uid"])
        kept = self.outgoing.left(uid, before.untold, heard)
        known = {one.id for one in kept}
        new = [one.dated(now) for one in after.untold if one.id not in known]
        fresh = self.outgoing.left(uid, map(self.outgoing.addressed, new), set())
        untold = bounded([*kept, *fresh])
        status = after.having(untold=untold).to_json_dict()
        if not untold:
            del status["untold"]
        if patch := merge_patch(raw.get("status", {}), status):
            try:
                if await self._patch(raw, patch):
                    written.changed = True
                    written.patched.add(raw["metadata"]["uid"])
            except (ConflictError, NotFoundError):
                raise
            except ApiError as error:
                written.refused = error
                return False
        written.unwritten.discard(raw["metadata"]["uid"])
        if before.untold or untold:
            self.outgoing.offer(key, raw, untold)
        waiting = untold_events(untold)
        written.unheard |= bool(unheard or await self.teller.tell(key, raw, waiting, now))
        return True

    async def _patch(self, raw: Raw, patch: Raw) -> bool:
        """Patch a status; return whether that changed it.

        The API server drops fields that its definitions don't know, and then nothing changes.
        """
        after = await self._current(raw, self.cluster.patch_status(raw, patch))
        meta = raw["metadata"]
        changed: bool = after["metadata"]["resourceVersion"] != meta["resourceVersion"]
        if not changed:
            _LOG.warning(
                "%s %s/%s: the API server dropped %s of its status: the definitions are older than "
                "the operator, apply those of its version",
                raw["kind"], meta["namespace"], meta["name"], ", ".join(sorted(patch)),
            )  # fmt: skip
        return changed

    async def _current(self, raw: Raw, write: Awaitable[T]) -> T:
        """Make a write; where the object is another one by now, read it before the next round."""
        try:
            return await write
        except (ConflictError, NotFoundError):
            meta = raw["metadata"]
            await self.cluster.refresh(raw["kind"], meta["namespace"], meta["name"])
            raise


def _of(act: WriteVersion | WriteSchedule) -> ScheduleObject | Version:
    return act.version if isinstance(act, WriteVersion) else act.schedule
