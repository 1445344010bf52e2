"""The store's object that names a schedule's production version, for readers without Kubernetes."""

import asyncio
import logging
from dataclasses import dataclass

from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.layout import production_pointer
from clm_api.production import ProductionPointer
from clm_api.reasons import Reason
from clm_api.store_faults import absent
from clm_operator.mirror.objects import Key
from clm_operator.store.guard import named_errors
from clm_operator.store.objects import fetch
from clm_operator.store.results import unreadable

_LOG = logging.getLogger(__name__)
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
"""After a try that met another writer: S3 says "conflict" without having settled anything."""


@dataclass(frozen=True)
class PointerWriter:
    """Keeps the object equal to ``status.production``."""

    store: ObjectStore

    async def publish(self, key: Key, wanted: ProductionPointer) -> None:
        """Write the pointer unless it is there already, or a newer one is.

        Of two schedules that claim the same object, such as those of two clusters on one bucket,
        the one whose version came later into production keeps it.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        path = production_pointer(key.namespace, key.name)
        with named_errors():
            for pause_s in _PAUSES_S:
                found, tag = await self._read(path)
                if found == wanted:
                    return
                if found is not None and found.since > wanted.since:
                    text = "%s names %s of schedule uid %s since %s, which is newer: left alone"
                    _LOG.warning(text, path, found.version, found.schedule_uid, found.since)
                    return
                if await self._write(path, wanted, tag):
                    return
                await asyncio.sleep(pause_s)
        text = f"{path} was written by others at every try, and is tried again"
        raise ClmError(Reason.STORAGE_UNAVAILABLE, text)

    async def _read(self, path: str) -> tuple[ProductionPointer | None, str | None]:
        """Return the pointer and the object's tag; one that is not readable counts as behind."""
        try:
            result = await fetch(self.store, path)
        except FileNotFoundError as error:
            if not absent(str(error)):
                raise
            return None, None
        tag = result.meta["e_tag"]
        try:
            return ProductionPointer.model_validate_json(bytes(await result.bytes_async())), tag
        except ValidationError as error:
            _LOG.warning("%s is no pointer and is replaced: %s", path, error.errors()[0]["msg"])
            return None, tag

    async def _write(self, path: str, wanted: ProductionPointer, tag: str | None) -> bool:
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
