"""Removal of runs from the store: only what retention took away, its tombstone first and last.

Reports of replays have none: nothing but their number tells that they may go.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import obstore
from obstore.store import ObjectStore
from pydantic import ValidationError

from clm_api.base import StatusModel
from clm_api.layout import RunLayout, replay_report, replays_of, report_at, tombstones_of
from clm_api.timing import slot_of, slot_time
from clm_operator.store.guard import named_errors
from clm_operator.store.objects import fetch


class Tombstone(StatusModel):
    """Written before a version is deleted, removed after the last of its objects."""

    namespace: str
    """Of version and schedule."""
    schedule: str
    """The schedule's name."""
    schedule_uid: str
    """Its uid: the run of a schedule that is gone is left alone."""
    version: str
    """The version's name."""
    uid: str
    """Its uid, the run's folder."""

    @property
    def layout(self) -> RunLayout:
        """Where the run lies."""
        return RunLayout(self.namespace, self.schedule, self.uid)


@dataclass(frozen=True)
class NoTombstone:
    """An object that lies where tombstones lie and is none."""

    path: str
    message: str
    """Why, and what to do."""


@dataclass(frozen=True)
class RunStore:
    """The runs in the store, as far as they are to be removed."""

    store: ObjectStore

    async def bury(self, tombstone: Tombstone) -> None:
        """Say that a run is going to be removed."""
        content = tombstone.model_dump_json(by_alias=True).encode()
        with named_errors():
            path = tombstone.layout.tombstone
            await self.store.put_async(path, content, use_multipart=False)

    async def buried(self, namespace: str) -> list[Tombstone | NoTombstone]:
        """Return the tombstones of a namespace, and what lies among them."""
        found: list[Tombstone | NoTombstone] = []
        with named_errors():
            for path in await self._paths(tombstones_of(namespace)):
                with suppress(FileNotFoundError):  # lifted since it was listed
                    content = bytes(await (await fetch(self.store, path)).bytes_async())
                    found.append(_read(path, content))
        return found

    async def remove(self, tombstone: Tombstone) -> None:
        """Remove a run's objects, the manifest before the files that it lists."""
        layout = tombstone.layout
        with named_errors():
            rest = set(await self._paths(layout.prefix)) - {layout.manifest}
            for paths in ([layout.manifest], sorted(rest), [layout.tombstone]):
                await self.store.delete_async(paths)

    async def lift(self, tombstone: Tombstone) -> None:
        """Remove the tombstone of a run that stays."""
        with named_errors():
            await self.store.delete_async(tombstone.layout.tombstone)

    async def reports(self, namespace: str) -> dict[tuple[str, str], list[datetime]]:
        """Return the slots of replays whose reports are there, by schedule and its uid."""
        with named_errors():
            paths = await self._paths(replays_of(namespace))
        found: dict[tuple[str, str], list[datetime]] = {}
        for one in filter(None, map(report_at, paths)):
            found.setdefault((one.schedule, one.uid), []).append(slot_time(one.slot))
        return found

    async def remove_reports(
        self, namespace: str, schedule: str, uid: str, slots: Iterable[datetime]
    ) -> None:
        """Remove reports of replays."""
        paths = [replay_report(namespace, schedule, uid, slot_of(slot)) for slot in slots]
        with named_errors():
            await self.store.delete_async(paths)

    async def _paths(self, prefix: str) -> list[str]:
        return [
            str(meta["path"]) async for page in obstore.list(self.store, prefix) for meta in page
        ]


def _read(path: str, content: bytes) -> Tombstone | NoTombstone:
    try:
        return Tombstone.model_validate_json(content)
    except ValidationError as error:
        return NoTombstone(path, f"is no tombstone: {error.errors()[0]['msg']}; remove it")
