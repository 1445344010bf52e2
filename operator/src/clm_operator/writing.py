"""A round's statuses are written, and then what they say is told: no event without its write.

What is refused holds up no other object: the refusal comes back beside what was written.
"""

import logging
from dataclasses import dataclass, field

from clm_api.lifecycle import Stage
from clm_operator.cluster.api import ApiError, ConflictError
from clm_operator.cluster.resources import Cluster, Raw
from clm_operator.metrics import Metrics
from clm_operator.planning.decide import Plan
from clm_operator.snapshot import Snapshot
from clm_operator.status.patches import merge_patch

_LOG = logging.getLogger(__name__)


@dataclass
class Written:
    """What became of a round's writes.

    Parameters
    ----------
    unwritten
        Uids of the objects whose status is not what the plan says.
    changed
        Whether any write changed an object.
    refused
        The last refusal.
    conflict
        An object was changed meanwhile: nothing was written after it.
    """

    unwritten: set[str] = field(default_factory=set)
    changed: bool = False
    refused: ApiError | None = None
    conflict: ConflictError | None = None


@dataclass(frozen=True)
class Writer:
    """Writes what a plan says of its objects, and posts its events."""

    cluster: Cluster
    metrics: Metrics

    async def write(self, snapshot: Snapshot, decided: Plan) -> Written:
        """Write the statuses that differ, then remove requests that are decided."""
        written = Written({version.uid for version, _ in decided.version_statuses})
        if snapshot.schedule is not None and decided.schedule_status is not None:
            written.unwritten.add(snapshot.schedule.uid)
        try:
            await self._versions(snapshot, decided, written)
            await self._schedule(snapshot, decided, written)
            await self._requests(decided, written)
        except ConflictError as error:
            written.conflict = error
        return written

    async def tell(self, snapshot: Snapshot, decided: Plan, written: Written) -> None:
        """Post the events, but for those of an object whose status was not written."""
        for notice in decided.notices:
            meta = notice.about["metadata"]
            if meta["uid"] in written.unwritten:
                continue
            about = {"schedule": str(snapshot.key), "version": meta["name"]}
            _LOG.info("%s", notice.message, extra={**about, "reason": str(notice.reason)})
            try:
                await self.cluster.post(notice, snapshot.now)
            except ApiError as error:
                _LOG.warning("%s: this event was not taken: %s", snapshot.key, error)

    async def _versions(self, snapshot: Snapshot, decided: Plan, written: Written) -> None:
        for version, status in decided.version_statuses:
            if written.refused is not None and status.stage is Stage.PRODUCTION:
                continue  # who has to leave production before it may still be there
            if await self._status(version.raw, status.to_json_dict(), written):
                self.metrics.outcome(snapshot.key, version, status)
                self.metrics.decision(snapshot.key, version, status)

    async def _schedule(self, snapshot: Snapshot, decided: Plan, written: Written) -> None:
        if snapshot.schedule is not None and decided.schedule_status is not None:
            status = decided.schedule_status.to_json_dict()
            await self._status(snapshot.schedule.raw, status, written)

    async def _requests(self, decided: Plan, written: Written) -> None:
        for version in decided.remove_requests:
            try:
                await self.cluster.remove_request(version.raw)
            except ConflictError:
                raise
            except ApiError as error:
                written.refused = error
            else:
                written.changed = True

    async def _status(self, raw: Raw, status: Raw, written: Written) -> bool:
        """Write a status; return whether it is what it is to be.

        Raises
        ------
        ConflictError
            The object was changed meanwhile.
        """
        if patch := merge_patch(raw.get("status", {}), status):
            try:
                written.changed |= await self._patch(raw, patch)
            except ConflictError:
                raise
            except ApiError as error:
                written.refused = error
                return False
        written.unwritten.discard(raw["metadata"]["uid"])
        return True

    async def _patch(self, raw: Raw, patch: Raw) -> bool:
        """Patch a status; return whether that changed it.

        The API server drops fields that its definitions don't know, and then nothing changes.
        """
        after, meta = await self.cluster.patch_status(raw, patch), raw["metadata"]
        changed: bool = after["metadata"]["resourceVersion"] != meta["resourceVersion"]
        if not changed:
            _LOG.warning(
                "%s %s/%s: the API server dropped %s of its status: the definitions are older than "
                "the operator, apply those of its version",
                raw["kind"], meta["namespace"], meta["name"], ", ".join(sorted(patch)),
            )  # fmt: skip
        return changed
