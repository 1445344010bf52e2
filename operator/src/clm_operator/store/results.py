"""What runs left in the store, verified: a result counts only if every byte matches its manifest.

The operator never opens a model; it reads two JSON files and digests the rest as it streams by.
"""

import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url
from pydantic import Field, TypeAdapter, ValidationError

from clm_api.figures import unbelievable
from clm_api.layout import MANIFEST, RunLayout, SimulationLayout
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.report import FoldMetrics, Manifest, ManifestFile, MetricsFile, Progress
from clm_api.store_faults import CHART, absent, fault
from clm_api.trust import bundle_trusted
from clm_operator.findings import (
    CorruptReport,
    ReplayRead,
    Report,
    ReportRead,
    UnreadableReport,
)
from clm_operator.jobs.credentials import Credentials
from clm_operator.settings import CredentialsMode, StoreSettings
from clm_operator.store.objects import fetch
from clm_operator.store.own_keys import provide

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_LOG = logging.getLogger(__name__)
MAX_MANIFEST_BYTES = 1 << 20
_MAX_RUN_BYTES = 2 << 30
_READ = ("metrics.json", "folds.json")
MAX_READ_BYTES = 1 << 20
_FIELD_CHARS = 200
"""A forged file may name its fields as it likes."""
_FOLDS = TypeAdapter(Annotated[list[FoldMetrics], Field(max_length=50)])
_T = TypeVar("_T")


class CorruptError(Exception):
    """A stored result contradicts itself; the text says which file, and how."""


def _nothing() -> None:
    """Nobody wants to hear."""


def open_store(settings: StoreSettings, lent: Credentials | None = None) -> ObjectStore:
    """Return the store; a store that is away is given up after seconds, to be asked again.

    Parameters
    ----------
    lent
        Keys to use instead of the operator's own.
    """
    if settings.url.startswith("file://"):
        return from_url(settings.url, mkdir=True)
    config: S3Config = {"region": settings.region}
    if lent is not None:
        config["access_key_id"], config["secret_access_key"] = lent.access_key, lent.secret_key
        config["session_token"] = lent.session_token
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
    client: ClientConfig = {
        "timeout": "30s",
        "connect_timeout": "3s",
        "allow_http": (settings.endpoint or "").startswith("http://"),
    }
    retry: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
    own = settings.credentials is not CredentialsMode.AMBIENT
    with bundle_trusted():
        return from_url(
            settings.url,
            config=config,
            client_options=client,
            retry_config=retry,
            credential_provider=provide if own and lent is None else None,
        )


@dataclass(frozen=True)
class ArtifactReader:
    """Reads results and progress of runs.

    Parameters
    ----------
    doubt
        Hears that the store is away, or refuses.
    """

    store: ObjectStore
    doubt: Callable[[], None] = _nothing

    async def report(self, layout: RunLayout) -> ReportRead:
        """Return a run's verified result, or what is wrong with it; None if there is none."""
        try:
            found = await small(self.store, layout.manifest, MAX_MANIFEST_BYTES)
            return None if found is None else await self._verified(layout, found)
        except CorruptError as error:
            return CorruptReport(str(error))
        except (BaseError, OSError) as error:
            self.doubt()
            return unreadable(error)

    async def replay(self, path: str) -> ReplayRead:
        """Return a replay's report, or what is wrong with it; None if there is none."""
        try:
            found = await small(self.store, path, MAX_READ_BYTES)
            if found is None:
                return None
            return parsed(path, ReplayReport.model_validate_json, found)
        except CorruptError as error:
            return CorruptReport(str(error))
        except (BaseError, OSError) as error:
            self.doubt()
            return unreadable(error)

    async def progress(self, layout: RunLayout, attempt: str) -> Progress | None:
        """Return what a pod says of itself; None if it has not said anything readable yet.

        Progress decides nothing but the stall deadline, so what can't be read is only logged.
        """
        path = layout.progress(attempt)
        try:
            found = await small(self.store, path, MAX_READ_BYTES)
            return None if found is None else Progress.model_validate_json(found)
        except (CorruptError, ValidationError, BaseError, OSError) as error:
            if isinstance(error, BaseError | OSError):
                self.doubt()
            _LOG.warning("%s can't be read: %s", path, _short(error))
            return None

    async def _verified(self, layout: RunLayout, raw: bytes) -> Report:
        manifest = parsed(MANIFEST, Manifest.model_validate_json, raw)
        contents = await checked(self.store, layout, manifest, _READ)
        try:
            metrics, folds = (contents[manifest.file(name).path] for name in _READ)
        except KeyError as error:
            raise CorruptError(f"the manifest lists no {error.args[0]}") from error
        return Report(
            manifest=manifest,
            manifest_sha256=hashlib.sha256(raw).hexdigest(),
            metrics=parsed("metrics.json", MetricsFile.model_validate_json, metrics),
            folds=tuple(_folds(folds)),
            size_bytes=sum(file.size for file in manifest.files),
        )


class Committed(Protocol):
    """A manifest: what a pod left, and what it must be."""

    @property
    def attempt(self) -> str:
        """The pod that wrote the files."""
        ...

    @property
    def files(self) -> list[ManifestFile]:
        """Every file of the attempt."""
        ...


async def checked(
    store: ObjectStore,
    layout: RunLayout | SimulationLayout,
    manifest: Committed,
    read: Collection[str],
) -> dict[str, bytes]:
    """Compare all files with their entries; return the content of those that are read, by path.

    Raises
    ------
    CorruptError
        A file lies elsewhere, is missing or differs.
    """
    _check_paths(manifest)
    return {
        file.path: await _check(
            store, layout.file(file.path), file,
            wanted=RunLayout.name_of(manifest.attempt, file.path) in read,
        )
        for file in manifest.files
    }  # fmt: skip


async def _check(store: ObjectStore, path: str, file: ManifestFile, *, wanted: bool) -> bytes:
    """Compare a file with its entry; return its content if it is one that is read."""
    if wanted and file.size > MAX_READ_BYTES:
        raise CorruptError(f"{file.path}: {file.size} bytes are too many to be read")
    try:
        result = await fetch(store, path)
    except FileNotFoundError as error:
        if not absent(str(error)):
            raise
        raise CorruptError(f"{file.path} is listed in the manifest and missing") from error
    size = int(result.meta["size"])
    if size != file.size:
        raise CorruptError(f"{file.path}: {size} bytes, the manifest says {file.size}")
    digest, kept = hashlib.sha256(), bytearray()
    async for chunk in result.stream():
        digest.update(chunk)
        if wanted:
            kept += bytes(chunk)
    if digest.hexdigest() != file.sha256:
        raise CorruptError(f"{file.path}: its sha256 differs from the manifest's")
    return bytes(kept)


async def small(store: ObjectStore, path: str, limit: int) -> bytes | None:
    """Return a small object; None where the store says that there is none.

    Raises
    ------
    CorruptError
        It is not small.
    """
    try:
        result = await fetch(store, path)
    except FileNotFoundError as error:
        if not absent(str(error)):
            raise
        return None
    size = int(result.meta["size"])
    if size > limit:
        raise CorruptError(f"{path}: {size} bytes are too many to be read")
    return bytes(await result.bytes_async())


def _check_paths(manifest: Committed) -> None:
    """Everything lies in the attempt's own folder, once, and is small enough to be digested."""
    try:
        folder, seen = RunLayout.relative_attempt(manifest.attempt), set[str]()
    except ValueError as error:
        raise CorruptError(f"attempt: {error}") from error
    for file in manifest.files:
        inside = RunLayout.name_of(manifest.attempt, file.path) is not None
        if not inside or any(part in ("", ".", "..") for part in file.path.split("/")):
            raise CorruptError(f"{file.path} lies outside {folder}")
        if file.path in seen:
            raise CorruptError(f"{file.path} is listed twice")
        seen.add(file.path)
        if PurePosixPath(file.path).suffix != f".{file.format}":
            raise CorruptError(f"{file.path} does not end in .{file.format}")
    total = sum(file.size for file in manifest.files)
    if total > _MAX_RUN_BYTES:
        raise CorruptError(f"the files have {total} bytes, more than {_MAX_RUN_BYTES}")


def parsed(name: str, read: Callable[[bytes], _T], content: bytes) -> _T:
    """Return what a file says.

    Raises
    ------
    CorruptError
        It says nothing that can be read.
    """
    try:
        return read(content)
    except ValidationError as error:
        raise CorruptError(f"{name}: {_first(error)}") from error


def _folds(raw: bytes) -> list[FoldMetrics]:
    found = parsed("folds.json", _FOLDS.validate_json, raw)
    for number, fold in enumerate(found):
        for name, value in fold.model_dump(by_alias=True, exclude_none=True).items():
            if isinstance(value, int | float) and (why := unbelievable(name, value)):
                raise CorruptError(f"folds.json: {number}: {why}")
    return found


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:_FIELD_CHARS]
    return f"{field}: {first['msg']}" if field else str(first["msg"])


def unreadable(error: BaseException) -> UnreadableReport:
    """Return the reason and the sentence for what a store did not do."""
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
    found = fault(str(error), CHART, refused=refused)
    denied = found.reason is Reason.STORAGE_DENIED
    return UnreadableReport(found.reason, found.sentence("the operator" if denied else ""))


def _short(error: BaseException) -> str:
    said, _, _debug = str(error).partition("Debug source:")
    return " ".join(said.split())[:300]
