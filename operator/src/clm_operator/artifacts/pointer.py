"""The store's object that names a schedule's production version, for readers without Kubernetes."""

import logging
from dataclasses import dataclass

from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore
from pydantic import ValidationError

from clm_api.layout import production_pointer
from clm_api.production import ProductionPointer
from clm_operator.artifacts.guard import named_errors
from clm_operator.snapshot import Key

_LOG = logging.getLogger(__name__)


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
            found, tag = await self._read(path)
            if found == wanted:
                return
            if found is not None and found.since > wanted.since:
                text = "%s names %s of schedule uid %s since %s, which is newer: left alone"
                _LOG.warning(text, path, found.version, found.schedule_uid, found.since)
                return
            await self._write(path, wanted, tag)

    async def _read(self, path: str) -> tuple[ProductionPointer | None, str | None]:
        """Return the pointer and the object's tag; one that is not readable counts as behind."""
        try:
            result = await self.store.get_async(path)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise
            return None, None
        tag = result.meta["e_tag"]
        try:
            return ProductionPointer.model_validate_json(bytes(await result.bytes_async())), tag
        except ValidationError as error:
            _LOG.warning("%s is no pointer and is replaced: %s", path, error.errors()[0]["msg"])
            return None, tag

    async def _write(self, path: str, wanted: ProductionPointer, tag: str | None) -> None:
        """Replace what was read and nothing newer; the next round looks again."""
        content = wanted.model_dump_json(by_alias=True, indent=2).encode()
        guard = {"mode": "create"} if tag is None else {"mode": {"e_tag": tag}}
        if isinstance(self.store, LocalStore):
            guard = {"mode": "overwrite"}  # a folder knows no If-Match, and has one operator
        try:
            await self.store.put_async(path, content, use_multipart=False, **guard)
        except (AlreadyExistsError, PreconditionError):
            _LOG.info("%s was written meanwhile", path)
