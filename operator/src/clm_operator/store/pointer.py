"""The store's objects that follow a schedule's status, for readers without Kubernetes.

``production/…`` names the version in production, ``signals/…`` its newest positions.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.layout import newest_signal, production_pointer
from clm_api.production import ProductionPointer
from clm_api.reasons import Reason
from clm_api.signal import SignalFile
from clm_api.store_faults import absent
from clm_operator.mirror.objects import Key
from clm_operator.store.guard import named_errors
from clm_operator.store.objects import fetch
from clm_operator.store.results import unreadable

_LOG = logging.getLogger(__name__)
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
"""After a try that met another writer: S3 says "conflict" without having settled anything."""
_F = TypeVar("_F", ProductionPointer, SignalFile)


@dataclass(frozen=True)
class PointerWriter:
    """Keeps the objects equal to the status of their schedules."""

    store: ObjectStore
    _said: dict[Key, int] = field(default_factory=dict)
    """Digests of the positions that the store had when it was last looked at."""

    async def publish(self, key: Key, wanted: ProductionPointer) -> None:
        """Say which version is in production, unless the store does already or knows a newer one.

        Of two schedules that claim the same object, such as those of two clusters on one bucket,
        the one whose version came later into production keeps it.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        await self._follow(production_pointer(key.namespace, key.name), wanted)

    async def signal(self, key: Key, wanted: SignalFile) -> None:
        """Say which positions are the newest, likewise; the store is looked at once for each.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        digest = hash(wanted.model_dump_json())
        if self._said.get(key) != digest:
            await self._follow(newest_signal(key.namespace, key.name), wanted)
            self._said[key] = digest

    async def _follow(self, path: str, wanted: _F) -> None:
        with named_errors():
            for pause_s in _PAUSES_S:
                found, tag = await self._read(path, type(wanted))
                if found == wanted:
                    return
                if found is not None and _rank(found) > _rank(wanted):
                    text = "%s names %s of schedule uid %s since %s, which is newer: left alone"
                    _LOG.warning(text, path, found.version, found.schedule_uid, found.since)
                    return
                if await self._write(path, wanted, tag):
                    return
                await asyncio.sleep(pause_s)
        text = f"{path} was written by others at every try, and is tried again"
        raise ClmError(Reason.STORAGE_UNAVAILABLE, text)

    async def _read(self, path: str, kind: type[_F]) -> tuple[_F | None, str | None]:
        """Return what is there and the object's tag; one that is not readable counts as behind."""
        try:
            result = await fetch(self.store, path)
        except FileNotFoundError as error:
            if not absent(str(error)):
                raise
            return None, None
        tag = result.meta["e_tag"]
        try:
            return kind.model_validate_json(bytes(await result.bytes_async())), tag
        except ValidationError as error:
            _LOG.warning("%s can't be read and is replaced: %s", path, error.errors()[0]["msg"])
            return None, tag

    async def _write(self, path: str, wanted: _F, tag: str | None) -> bool:
        """Replace what was read and nothing newer; False if it is to be looked at again."""
        content = wanted.model_dump_json(by_alias=True, indent=2).encode()
        guard = {"mode": "create"} if tag is None else {"mode": {"e_tag": tag}}
        if isinstance(self.store, LocalStore):
            guard = {"mode": "overwrite"}  # a folder knows no If-Match, and has one operator
        try:
            await self.store.put_async(path, content, use_multipart=False, **guard)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            if isinstance(error, FileNotFoundError) and not absent(str(error)):
                raise
            _LOG.info("%s was not written, and is looked at again: %s", path, unreadable(error))
            return False
        return True


def _rank(one: ProductionPointer | SignalFile) -> tuple[datetime, ...]:
    """Return what tells the newer one of two: a later stay in production, then a later decision."""
    return (one.since, one.decided_at) if isinstance(one, SignalFile) else (one.since,)
