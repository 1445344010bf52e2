"""The object store as a run uses it: whole objects, create-only commits, guarded replacement.

``s3://bucket/prefix`` takes credentials, endpoint and region from the usual AWS_ variables;
``file:///folder`` or a plain path is a folder on this machine.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore import Bytes
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, ObjectStore, from_url

from clm_api import environment, store_faults
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.store_faults import Fault
from clm_api.trust import bundle_trusted

if TYPE_CHECKING:
    from obstore import GetResult, UpdateVersion
    from obstore.store import ClientConfig, RetryConfig, S3Config

_AMBIENT = (
    environment.STORE_AMBIENT,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
"""Variables of which one says that a role of the cloud stands for keys."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_HASTE_S = 2.0
_NEVER = ".never"
"""An object that nobody writes."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Fetched:
    """An object and the tag that guards its replacement."""

    content: bytes
    etag: str


class Storage:
    """One store, opened by its URL.

    Parameters
    ----------
    patience_s
        How long a store that is away, or an object that others write, is tried before
        StorageUnavailable; with 0 once.
    answer_s
        How long one request may take.
    """

    def __init__(self, url: str, *, patience_s: float = 60.0, answer_s: float = 30.0) -> None:
        self.url = url if "://" in url else Path(url).resolve().as_uri()
        self.url = self.url.rstrip("/")
        self._folder = Path(self.url.removeprefix("file://"))
        self._patience_s = patience_s
        self._store = _open(self.url, self._folder, patience_s, answer_s)

    def hasty(self) -> "Storage":
        """Return the same store for what is not worth a wait: one try of two seconds."""
        return Storage(self.url, patience_s=0.0, answer_s=_HASTE_S)

    def address(self, path: str) -> str:
        """Return the full address of an object."""
        return f"{self.url}/{path}"

    def get(self, path: str, most: int | None = None) -> bytes | None:
        """Return an object's content; None if there is none.

        Parameters
        ----------
        most
            Bytes after which no more than one further part is read: the rest is left out.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        """
        if most is not None:
            tagged = self.get_tagged(path, most)
            return None if tagged is None else tagged.content
        found = self.view(path)
        return None if found is None else bytes(found)

    def has(self, path: str) -> bool:
        """Return whether there is an object; its content is left where it is.

        It asks for the object, not for a list: keys that are lent allow no list.
        """
        try:
            self._guarded(path, lambda: self._fetched(path))
        except FileNotFoundError:
            return False
        return True

    def view(self, path: str) -> Bytes | None:
        """Return an object's content without copying it; None if there is none."""
        try:
            return self._guarded(path, lambda: self._fetched(path).bytes())
        except FileNotFoundError:
            return None

    def get_tagged(self, path: str, most: int | None = None) -> Fetched | None:
        """Return an object's content with its tag; None if there is none.

        A folder's tag is its content's: there ``most`` leaves nothing out.
        """

        def read() -> Fetched:
            result = self._fetched(path)
            local = isinstance(self._store, LocalStore)
            content = _content(result, None if local else most)
            tag = hashlib.sha256(content).hexdigest() if local else str(result.meta["e_tag"])
            return Fetched(content, tag)

        try:
            return self._guarded(path, read)
        except FileNotFoundError:
            return None

    def put(self, path: str, content: bytes) -> None:
        """Write an object, whatever was there."""
        try:
            self._guarded(path, lambda: self._store.put(path, content, use_multipart=False))
        except FileNotFoundError as error:  # there is no such place
            raise self._error(path, error) from error

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless it exists; return False if it does.

        A lost answer is no false alarm: an object with the same content counts as created.
        A store that says "conflict" has settled nothing: it is asked until the object is there.
        """
        patience = _Patience(self._patience_s)
        while True:
            try:
                self._asked(
                    path, lambda: self._store.put(path, content, mode="create", use_multipart=False)
                )
            except FileNotFoundError as error:
                raise self._error(path, error) from error
            except AlreadyExistsError as error:
                found = self.get(path)
                if found is not None:
                    return found == content
                self._wait(patience, path, error)
            else:
                return True

    def replace(self, path: str, content: bytes, etag: str | None) -> bool:
        """Write an object if it still is the one that was read; return False if it is not.

        Parameters
        ----------
        etag
            Tag of what was read; None if there was nothing.
        """
        if etag is None:
            return self.create(path, content)
        if isinstance(self._store, LocalStore):
            return self._replace_file(path, content, etag)
        mode: UpdateVersion = {"e_tag": etag}
        patience = _Patience(self._patience_s)
        while True:
            try:
                self._asked(
                    path, lambda: self._store.put(path, content, mode=mode, use_multipart=False)
                )
            except FileNotFoundError:
                return False
            except (PreconditionError, AlreadyExistsError) as error:
                found = self.get_tagged(path)
                if found is None or found.etag != etag:
                    return found is not None and found.content == content
                self._wait(patience, path, error)
            else:
                return True

    def list(self, prefix: str) -> list[str]:
        """Return the paths of all objects below a prefix, sorted; a folder's locks are none."""

        def read() -> list[str]:
            pages = obstore.list(self._store, prefix)
            paths = (str(meta["path"]) for page in pages for meta in page)
            return sorted(path for path in paths if not path.rsplit("/", 1)[-1].startswith("."))

        found = self._guarded(prefix, read)
        if not found:
            self._asked(prefix, lambda: self._require_store(str(PurePosixPath(prefix, _NEVER))))
        return found

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects in the order given; what is gone already is fine."""
        for path in paths:
            with suppress(FileNotFoundError):
                self._guarded(path, lambda path=path: self._store.delete(path))  # type: ignore[misc]

    def _fetched(self, path: str) -> "GetResult":
        found = self._store.get(path)
        kind = found.attributes.get("Content-Type", "")
        store_faults.require_object(path, found.meta["e_tag"], kind)
        return found

    def _require_store(self, path: str) -> None:
        """Refuse a web page that was read as a list of nothing: it answers for any object too."""
        try:
            self._fetched(path)
        except store_faults.NoObjectError:
            raise
        except (BaseError, OSError):
            return  # whatever it says, a store says it

    def _replace_file(self, path: str, content: bytes, etag: str) -> bool:
        """A folder knows no If-Match: a lock and a rename stand in for it."""
        target = self._folder / path
        with _locked(target.with_name(f".{target.name}.lock")):
            current = self.get_tagged(path)
            if current is None or current.etag != etag:
                return False
            fresh = target.with_name(f".{target.name}.new")
            fresh.write_bytes(content)
            fresh.replace(target)
        return True

    def _guarded(self, path: str, call: Callable[[], _T]) -> _T:
        """Ask; wait while others are in the way. Of errors only a missing object passes through."""
        patience = _Patience(self._patience_s)
        while True:
            try:
                return self._asked(path, call)
            except (AlreadyExistsError, PreconditionError) as error:
                self._wait(patience, path, error)

    def _wait(self, patience: "_Patience", path: str, error: Exception) -> None:
        """Wait before the next try; say so if there is to be none."""
        if not patience.pause():
            found = replace(self._fault(error), reason=Reason.STORAGE_UNAVAILABLE)
            text = found.sentence(path, _where(self.url))
            raise ClmError(found.reason, text) from error

    def _asked(self, path: str, call: Callable[[], _T]) -> _T:
        """Turn the library's errors into reasons; those that a condition explains pass through."""
        try:
            return call()
        except (FileNotFoundError, AlreadyExistsError, PreconditionError) as error:
            if isinstance(error, FileNotFoundError) and not store_faults.absent(str(error)):
                raise self._error(path, error) from error
            raise
        except (BaseError, OSError) as error:
            raise self._error(path, error) from error

    @staticmethod
    def _fault(error: Exception) -> Fault:
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
        return store_faults.fault(str(error), store_faults.VARIABLES, refused=refused)

    def _error(self, path: str, error: Exception) -> ClmError:
        found = self._fault(error)
        lent = found.about_keys and "AWS_SESSION_TOKEN" in os.environ
        hint = store_faults.LENT if lent else ""
        return ClmError(found.reason, found.sentence(path, _where(self.url), hint))


class _Patience:
    """Pauses that grow, until the time is over."""

    def __init__(self, seconds: float) -> None:
        self._end, self._pause_s = time.monotonic() + seconds, _FIRST_PAUSE_S

    def pause(self) -> bool:
        """Wait a little; False if the time is over."""
        if time.monotonic() + self._pause_s > self._end:
            return False
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return True


def _open(url: str, folder: Path, patience_s: float, answer_s: float) -> ObjectStore:
    if url.startswith("file://"):
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder, mkdir=True)
    if not url.startswith("s3://"):
        text = f'store "{url}": use s3://bucket/prefix, file:///folder or a path'
        raise ClmError(Reason.SPEC_INVALID, text)
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    config: S3Config = {"region": os.environ.get("AWS_REGION", "us-east-1")}
    if not any(os.environ.get(name) for name in _AMBIENT):
        config["access_key_id"] = os.environ.get("AWS_ACCESS_KEY_ID", "")
        config["secret_access_key"] = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if endpoint:
        config["endpoint"] = endpoint
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        config["session_token"] = token
    client: ClientConfig = {
        "timeout": timedelta(seconds=answer_s),
        "connect_timeout": timedelta(seconds=min(answer_s, 5.0)),
        "allow_http": endpoint.startswith("http://"),
    }
    retry: RetryConfig = {
        "max_retries": 8 if patience_s else 0,
        "retry_timeout": timedelta(seconds=patience_s),
    }
    with bundle_trusted():
        return from_url(url, config=config, client_options=client, retry_config=retry)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _content(result: "GetResult", most: int | None) -> bytes:
    if most is None:
        return bytes(result.bytes())
    content = bytearray()
    for part in result.stream():
        content += bytes(part)
        if len(content) > most:
            break
    return bytes(content)


def _where(url: str) -> str:
    if not url.startswith("s3://"):
        return url
    return f"{url} at {os.environ.get('AWS_ENDPOINT_URL') or 'Amazon: AWS_ENDPOINT_URL is not set'}"
