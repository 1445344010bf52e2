"""Proof that a store writes on conditions: nothing that CLM keeps is safe without.

A store that ignores a condition answers 200, so that only a write that must fail can tell.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, ObjectStore

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.store_faults import CHART, fault
from clm_operator.store.guard import named_errors
from clm_operator.store.objects import fetch_now

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion

_CREATE = "create-only writes (If-None-Match: *)"
_SWAP = "compare-and-swap writes (If-Match)"
_STALE = '"00000000000000000000000000000000"'
_UNKNOWN = (400, 405, 501)
"""How a store says that it does not know a header."""


def prove_writes(store: ObjectStore, url: str) -> None:
    """Write one object under conditions that hold and that don't, and remove it.

    Raises
    ------
    ClmError
        StorageDenied: the store lacks a kind of write, or refuses the operator;
        StorageUnavailable.
    """
    path = f"checks/{uuid4()}"
    lacking = []
    try:
        if not _creates_only(store, path):
            lacking.append(_CREATE)
        if not isinstance(store, LocalStore) and not _swaps(store, path):
            lacking.append(_SWAP)
    finally:
        with suppress(ClmError), named_errors():
            store.delete([path])
    if lacking:
        text = (
            f"{url}: the store lacks {' and '.join(lacking)}: runs would overwrite one another's "
            "results; see Stores in docs/install.md for those that have them"
        )
        raise ClmError(Reason.STORAGE_DENIED, text)


def _creates_only(store: ObjectStore, path: str) -> bool:
    created = _written(store, path, b"first", "create")
    with named_errors():
        if not created:
            store.put(path, b"first", use_multipart=False)
    again = _written(store, path, b"second", "create")
    return created and not again and _content(store, path) == b"first"


def _swaps(store: ObjectStore, path: str) -> bool:
    with named_errors():
        store.put(path, b"read", use_multipart=False)
    tag = _tag(store, path)
    if tag is None:
        return False
    stale: UpdateVersion = {"e_tag": _STALE}
    if _written(store, path, b"of somebody who read another", stale):
        return False
    fresh: UpdateVersion = {"e_tag": tag}
    swapped = _written(store, path, b"swapped", fresh) and _content(store, path) == b"swapped"
    return swapped and not _written(store, path, b"of somebody who is late", fresh)


def _written(store: ObjectStore, path: str, content: bytes, mode: "PutMode") -> bool:
    """Write if the condition holds; False if the store says that it doesn't, or knows none."""
    try:
        with named_errors():
            _put(store, path, content, mode)
    except FileNotFoundError:
        return False
    except ClmError as error:
        cause = error.__cause__
        if isinstance(cause, AlreadyExistsError | PreconditionError):
            return False
        if isinstance(cause, BaseError) and fault(str(cause), CHART).status in _UNKNOWN:
            return False
        raise
    return True


def _put(store: ObjectStore, path: str, content: bytes, mode: "PutMode") -> Any:
    return store.put(path, content, mode=mode, use_multipart=False)


def _content(store: ObjectStore, path: str) -> bytes:
    with named_errors():
        return bytes(fetch_now(store, path).bytes())


def _tag(store: ObjectStore, path: str) -> str | None:
    with named_errors():
        return store.get(path).meta["e_tag"]
