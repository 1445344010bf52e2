"""What lies in the store of a simulation: its task, how far its pods are, its verified report."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from clm_api.layout import MANIFEST, SimulationLayout
from clm_api.simulation import SimulationStatus
from clm_api.simulation_task import SimulationManifest, SimulationResult, SimulationTask
from clm_operator.findings import CorruptReport, UnreadableReport
from clm_operator.simulations.view import SimulationRead, SimulationReport
from clm_operator.store.guard import named_errors
from clm_operator.store.results import (
    MAX_MANIFEST_BYTES,
    CorruptError,
    checked,
    parsed,
    small,
    unreadable,
)

_MAX_TASK_BYTES = 16 << 20
_RESULTS, _PAGE = "results.json", "report.html"
_BATCH = 1000
_MOST_PODS = 10_000


@dataclass(frozen=True)
class SimulationStore:
    """Simulations in the store.

    Parameters
    ----------
    doubt
        Hears that the store is away, or refuses.
    """

    store: ObjectStore
    doubt: Callable[[], None]

    async def freeze(self, layout: SimulationLayout, content: bytes) -> bool:
        """Write what pods are told; return whether that is what is there now.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        with named_errors():
            try:
                await self.store.put_async(layout.task, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                try:
                    return await small(self.store, layout.task, _MAX_TASK_BYTES) == content
                except CorruptError:
                    return False
        return True

    async def task(
        self, layout: SimulationLayout, sha256: str
    ) -> SimulationTask | CorruptReport | UnreadableReport:
        """Return what pods are told, or why it can't be read."""
        try:
            found = await small(self.store, layout.task, _MAX_TASK_BYTES)
            if found is None or hashlib.sha256(found).hexdigest() != sha256:
                told = "is gone" if found is None else "is not the one that was written"
                return CorruptReport(f"task.json of its folder {told}: apply another Simulation")
            return parsed("task.json", SimulationTask.model_validate_json, found)
        except CorruptError as error:
            return CorruptReport(str(error))
        except (BaseError, OSError) as error:
            self.doubt()
            return unreadable(error)

    async def trained(self, layout: SimulationLayout, variant: str) -> int:
        """Return how many slots of a variant its pods say are trained: a byte for each.

        Pods have an object each, so no more are read than a simulation may have pods.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        with named_errors():
            said, seen = 0, 0
            async for page in obstore.list(self.store, layout.progress(variant)):
                said, seen = said + sum(int(meta["size"]) for meta in page), seen + len(page)
                if seen >= _MOST_PODS:
                    break
            return said

    async def report(self, layout: SimulationLayout, status: SimulationStatus) -> SimulationRead:
        """Return the verified result, or what is wrong with it; None if there is none.

        Parameters
        ----------
        status
            What was frozen.
        """
        try:
            raw = await small(self.store, layout.manifest, MAX_MANIFEST_BYTES)
            return None if raw is None else await self._verified(layout, raw, status)
        except CorruptError as error:
            return CorruptReport(str(error))
        except (BaseError, OSError) as error:
            self.doubt()
            return unreadable(error)

    async def _verified(
        self, layout: SimulationLayout, raw: bytes, status: SimulationStatus
    ) -> SimulationReport:
        manifest = parsed(MANIFEST, SimulationManifest.model_validate_json, raw)
        if manifest.task_sha256 != status.task_sha256:
            raise CorruptError(f"{MANIFEST}: it is of another task.json")
        contents = await checked(self.store, layout, manifest, (_RESULTS,))
        try:
            results, _ = (contents[manifest.file(name).path] for name in (_RESULTS, _PAGE))
        except KeyError as error:
            raise CorruptError(f"the manifest lists no {error.args[0]}") from error
        result = parsed(_RESULTS, SimulationResult.model_validate_json, results)
        if [one.name for one in result.variants] != [one.name for one in status.variants]:
            raise CorruptError(f"{_RESULTS}: it is of other variants than were simulated")
        return SimulationReport(
            manifest=manifest,
            manifest_sha256=hashlib.sha256(raw).hexdigest(),
            result=result,
            size_bytes=sum(file.size for file in manifest.files),
        )

    async def remove_slots(self, layout: SimulationLayout) -> None:
        """Remove what the pods of variants have left: the report has what came of it.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        with named_errors():
            async for paths in self._pages(layout.variants):
                await self.store.delete_async(paths)

    async def _pages(self, prefix: str) -> AsyncIterator[list[str]]:
        async for page in obstore.list(self.store, prefix, chunk_size=_BATCH):
            yield [str(meta["path"]) for meta in page]
