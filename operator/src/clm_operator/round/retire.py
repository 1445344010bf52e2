"""A version that retention removes: tombstone, then version, then files; and what a crash left.

Reports of replays that nobody needs any more go here too.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_operator.cluster.api import ApiError
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key, ScheduleObject, Version, owner_uid
from clm_operator.mirror.specs import validation_text
from clm_operator.stages.retention import reports_to_remove
from clm_operator.store.runs import NoTombstone, RunStore, Tombstone

_LOG = logging.getLogger(__name__)
SWEEP_S = 3600.0
_LOOK_S = 15.0
"""Namespaces come and go, and are not known at once."""


@dataclass(frozen=True)
class Undertaker:
    """Removes versions with their files; files alone only where the version is gone for good."""

    cluster: Cluster
    runs: RunStore
    _said: set[str] = field(default_factory=set)
    """What can't be read, and was said once."""

    async def retire(self, key: Key, version: Version) -> None:
        """Remove a version that retention does not keep.

        Raises
        ------
        ClmError
            The store is away; the version stays where its tombstone could not be written.
        """
        if version.spec is None:
            await self.cluster.delete_version(version.raw)
            return
        tombstone = Tombstone(
            namespace=key.namespace,
            schedule=version.spec.schedule_ref.name,
            schedule_uid=version.spec.schedule_ref.uid,
            version=version.name,
            uid=version.run_uid,
        )
        await self.runs.bury(tombstone)
        await self.cluster.delete_version(version.raw)
        await self._finish(tombstone)

    async def sweep(self, namespace: str) -> None:
        """Finish what was cut off between tombstone and last file; thin the reports out.

        A tombstone or a version that can't be read costs itself alone.
        """
        for found in await self.runs.buried(namespace):
            if isinstance(found, NoTombstone):
                self._say(found.path, found.message)
                continue
            try:
                await self._finish(found)
            except ValidationError as error:
                self._say(f"{namespace}/{found.version}", _unreadable(error))
        for (name, uid), slots in (await self.runs.reports(namespace)).items():
            if self.cluster.mirror.uid("TrainingSchedule", namespace, name) == uid:
                await self._thin(Key(namespace, name), uid, slots)

    async def _thin(self, key: Key, uid: str, slots: list[datetime]) -> None:
        """Remove the replays' reports that no verdict rests on, but for the newest."""
        mirror, versions = self.cluster.mirror.versions, list[Version]()
        for place in mirror.places(key):
            try:
                found = mirror.get(*place)
            except ValidationError as error:  # a verdict of it may rest on any report
                self._say("/".join(place), _unreadable(error))
                return
            if found is not None and owner_uid(found.raw) == uid:
                versions.append(found)
        if superfluous := reports_to_remove(slots, versions):
            await self.runs.remove_reports(key.namespace, key.name, uid, superfluous)
            _LOG.info("%s: %d reports of replays were removed", key, len(superfluous))

    async def run(self, namespaces: Callable[[], list[str]]) -> None:
        """Sweep each namespace as soon as it is known and every hour, until cancelled.

        Parameters
        ----------
        namespaces
            Those that are served and known by now.
        """
        clock, swept = asyncio.get_running_loop().time, dict[str, float]()
        while True:
            for namespace in namespaces():
                if namespace in swept and clock() - swept[namespace] < SWEEP_S:
                    continue
                swept[namespace] = clock()
                try:
                    await self.sweep(namespace)
                except (ClmError, ApiError) as error:
                    _LOG.warning("tombstones of %s are left for later: %s", namespace, error)
                except Exception:  # noqa: BLE001  an object that can't be read stops no neighbour
                    _LOG.exception("tombstones of %s are left for later", namespace)
            await asyncio.sleep(_LOOK_S)

    def _say(self, what: str, why: str) -> None:
        if what not in self._said:
            self._said.add(what)
            _LOG.warning("%s %s", what, why)

    async def _finish(self, tombstone: Tombstone) -> None:
        """Remove the files if the version is gone and its schedule, the same one, is not.

        A version that was changed in time stays, and its tombstone goes: else its files would
        follow it whenever a person deletes it.
        """
        namespace, mirror = tombstone.namespace, self.cluster.mirror
        await self.cluster.refresh("ModelVersion", namespace, tombstone.version)
        await self.cluster.refresh("TrainingSchedule", namespace, tombstone.schedule)
        version = mirror.versions.get(namespace, tombstone.version)
        schedule = mirror.schedule(Key(namespace, tombstone.schedule))
        alive = version is not None and version.run_uid == tombstone.uid
        if alive or (schedule is not None and _in_production(schedule, tombstone)):
            await self.runs.lift(tombstone)
        elif schedule is not None and schedule.uid == tombstone.schedule_uid:
            await self.runs.remove(tombstone)
            _LOG.info("%s: its files were removed", tombstone.version)


def _unreadable(error: ValidationError) -> str:
    text = validation_text(error, "status")
    return f"can't be read: {text}; its files and its schedule's reports stay meanwhile"


def _in_production(schedule: ScheduleObject, tombstone: Tombstone) -> bool:
    now = schedule.status.production
    return now is not None and now.artifact.uri.endswith(tombstone.layout.manifest)
