"""Gather → plan → act → status → events: the story of the operator.

A round changes at most what its plan says and then looks again; every write is guarded by a name
or a resourceVersion, so a round that was cut off anywhere is finished by the next one.
"""

import logging
from dataclasses import dataclass, replace

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.artifacts.pointer import PointerWriter
from clm_operator.artifacts.reader import ArtifactReader
from clm_operator.building.credentials import Grant
from clm_operator.building.jobs import NewJob
from clm_operator.clock import Clock
from clm_operator.cluster.api import ConflictError, ForbiddenError, InvalidError
from clm_operator.cluster.resources import Cluster, Raw
from clm_operator.gather import FoundOut, gather
from clm_operator.launch import Launcher
from clm_operator.metrics import Metrics
from clm_operator.planning.decide import Plan, plan
from clm_operator.retire import Undertaker
from clm_operator.settings import Settings
from clm_operator.snapshot import Key, Snapshot, Withheld, made_for
from clm_operator.status.patches import merge_patch

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
    cluster, reader, pointers, launcher, undertaker, clock
        The outside world.
    """

    cluster: Cluster
    reader: ArtifactReader
    pointers: PointerWriter
    launcher: Launcher
    undertaker: Undertaker
    settings: Settings
    clock: Clock
    metrics: Metrics

    async def __call__(self, key: Key) -> float | None:
        """Run rounds until nothing is left to do; return when to look again, in seconds."""
        known = FoundOut()
        for _ in range(_MAX_ROUNDS):
            snapshot = await gather(key, self.cluster, self.reader, self.clock, known)
            self.metrics.seen(snapshot)
            decided = plan(snapshot, self.settings)
            try:
                created, learned = await self._create(snapshot, decided, known)
                if learned != known:
                    known = learned
                    continue
                wrote = await self._write(snapshot, decided)
            except ConflictError as error:
                _LOG.info("%s changed meanwhile, looking again: %s", key, error)
                continue
            await self._tell(snapshot, decided)
            if not created and not wrote:
                return self._delay(decided, tidy=await self._tidy(snapshot, decided))
        raise TooManyRoundsError(key)

    async def _create(
        self, snapshot: Snapshot, decided: Plan, known: FoundOut
    ) -> tuple[bool, FoundOut]:
        """Create versions, then Jobs; return whether any was to be made, and what that told."""
        learned = known
        for manifest in decided.create_versions:
            learned = await self._version(snapshot, manifest, learned)
        jobs = [*decided.create_jobs, *filter(None, [decided.create_evaluation])]
        for job in jobs:
            learned = await self._start(snapshot, job, learned)
        if decided.lend is not None:
            await self._lend(snapshot, decided.lend)
        for old in decided.delete_jobs:
            await self.cluster.delete_job(snapshot.key.namespace, old.name, old.uid)
        return bool(decided.create_versions or jobs), learned

    async def _version(self, snapshot: Snapshot, manifest: Raw, known: FoundOut) -> FoundOut:
        """Create a version; one that can't be skips its slot and stops nothing else."""
        name = manifest["metadata"]["name"]
        try:
            await self.cluster.create_version(manifest)
        except ConflictError:
            found = await self.cluster.version(snapshot.key.namespace, name)
            if found is None:
                raise  # refused, and yet not there: a slot is decided only once its version is
            ours = snapshot.schedule is not None and made_for(found) == snapshot.schedule.uid
            return known if ours else replace(known, taken=known.taken | {name})
        except InvalidError as error:
            return replace(known, refused={**known.refused, name: error.message})
        except ForbiddenError as error:
            why = self._withheld(snapshot, name, error)
            return replace(known, withheld={**known.withheld, name: why})
        self.metrics.lateness(snapshot, manifest)
        return known

    async def _start(self, snapshot: Snapshot, job: NewJob, known: FoundOut) -> FoundOut:
        """Create a Job; what keeps it from being stops nothing else of its schedule."""
        try:
            made = await self.launcher.start(job)
        except InvalidError as error:
            return replace(known, refused={**known.refused, job.name: error.message})
        except (ForbiddenError, ClmError) as error:
            why = self._withheld(snapshot, job.name, error)
            return replace(known, withheld={**known.withheld, job.name: why})
        return known if made else replace(known, taken=known.taken | {job.name})

    async def _lend(self, snapshot: Snapshot, grant: Grant) -> None:
        try:
            await self.launcher.lend(grant)
        except (ForbiddenError, ClmError) as error:
            self._withheld(snapshot, grant.name, error)

    @staticmethod
    def _withheld(snapshot: Snapshot, name: str, error: ForbiddenError | ClmError) -> Withheld:
        reason, text = Reason.QUOTA_PENDING, f"forbidden for now: {error.message}"
        if isinstance(error, ClmError):
            reason, text = error.reason, error.message
        _LOG.warning("%s: %s", snapshot.key, text, extra={"version": name, "reason": reason})
        return Withheld(reason, text)

    async def _write(self, snapshot: Snapshot, decided: Plan) -> bool:
        """Write the statuses that differ; return whether any did."""
        wrote = False
        for version, status in decided.version_statuses:
            patch = merge_patch(version.raw.get("status", {}), status.to_json_dict())
            wrote |= await self._patch(version.raw, patch)
            self.metrics.outcome(snapshot.key, version, status)
            self.metrics.decision(snapshot.key, version, status)
        schedule, status_after = snapshot.schedule, decided.schedule_status
        if schedule is not None and status_after is not None:
            before = schedule.raw.get("status", {})
            patch = merge_patch(before, status_after.to_json_dict())
            wrote |= await self._patch(schedule.raw, patch)
        for version in decided.remove_requests:
            await self.cluster.remove_request(version.raw)
            wrote = True
        return wrote

    async def _patch(self, raw: Raw, patch: Raw) -> bool:
        if patch:
            await self.cluster.patch_status(raw, patch)
        return bool(patch)

    async def _tell(self, snapshot: Snapshot, decided: Plan) -> None:
        for notice in decided.notices:
            about = {"schedule": str(snapshot.key), "version": notice.about["metadata"]["name"]}
            _LOG.info("%s", notice.message, extra={**about, "reason": str(notice.reason)})
            await self.cluster.post(notice, snapshot.now)

    async def _tidy(self, snapshot: Snapshot, decided: Plan) -> bool:
        """Bring the store in line; return whether it answered. Nothing else waits for it."""
        try:
            if decided.pointer is not None:
                await self.pointers.publish(snapshot.key, decided.pointer)
            for version in decided.delete_versions:
                await self.undertaker.retire(snapshot.key, version)
        except ClmError as error:
            _LOG.warning("%s: %s", snapshot.key, error.message, extra={"reason": error.reason})
            return False
        return True

    def _delay(self, decided: Plan, *, tidy: bool) -> float | None:
        waits = [] if tidy else [_STORE_AGAIN_S]
        if decided.wake_at is not None:
            waits.append(max((decided.wake_at - self.clock.now()).total_seconds(), 0.0))
        return min(waits, default=None)
