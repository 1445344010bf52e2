"""The bucket itself: created for demos, proved usable by ``helm test``."""

import time
from urllib.parse import urlsplit
from uuid import uuid4

import urllib3
from minio import Minio
from minio.error import S3Error
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.store_faults import CHART, absent, answered, fault
from clm_api.trust import store_context
from clm_operator.jobs.access import Access
from clm_operator.jobs.credentials import SHORTEST_S
from clm_operator.settings import CredentialsMode, StoreSettings
from clm_operator.store.guard import named_errors
from clm_operator.store.lender import Lender
from clm_operator.store.objects import fetch_now
from clm_operator.store.own_keys import own_keys
from clm_operator.store.proof import prove_writes
from clm_operator.store.results import open_store, unreadable

_PATIENCE_S = 60.0
_PAUSE_S = 1.0
_NEVER = "checks/never"
"""An object that nobody writes: a store that says so has the bucket."""
_EXISTS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def ensure_bucket(settings: StoreSettings, patience_s: float = _PATIENCE_S) -> None:
    """Create the bucket if it is missing; wait for a store that is only just starting.

    Raises
    ------
    ClmError
        StorageDenied, or StorageUnavailable once patience is at its end.
    """
    url = urlsplit(settings.endpoint or "https://s3.amazonaws.com")
    own = own_keys()
    pool = urllib3.PoolManager(timeout=5, retries=False, ssl_context=store_context())
    client = Minio(
        url.netloc,
        access_key=own.access_key,
        secret_key=own.secret_key,
        secure=url.scheme == "https",
        region=settings.region,
        http_client=pool,
    )
    store, deadline = open_store(settings), time.monotonic() + patience_s
    bucket = urlsplit(settings.url).netloc
    try:
        while (trouble := _created(store, client, bucket)) is not None:
            if trouble.reason is Reason.STORAGE_DENIED or time.monotonic() > deadline:
                raise trouble
            time.sleep(_PAUSE_S)
    finally:
        pool.clear()


def reach(store: ObjectStore) -> None:
    """Ask the store for something, and take "not there" for an answer.

    Raises
    ------
    ClmError
        StorageDenied, StorageUnavailable.
    """
    try:
        with named_errors():
            fetch_now(store, _NEVER)
    except FileNotFoundError:
        return


def _created(store: ObjectStore, client: Minio, bucket: str) -> ClmError | None:
    """Create the bucket; return what was in the way, None if it is there now."""
    try:
        fetch_now(store, _NEVER)
    except FileNotFoundError as error:
        if absent(str(error)):
            return None
    except (BaseError, OSError) as error:
        found = unreadable(error)
        return ClmError(found.reason, found.message)
    try:
        client.make_bucket(bucket_name=bucket)
    except S3Error as error:
        if error.code in _EXISTS:
            return None
        told = f"<Code>{error.code or ''}</Code><Message>{error.message or ''}</Message>"
        refused = answered(error.response.status, told, CHART)
        return ClmError(refused.reason, refused.sentence(f"bucket {bucket}"))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        broken = fault(str(error), CHART)
        return ClmError(broken.reason, broken.sentence(f"bucket {bucket}"))
    return None


def check_store(settings: StoreSettings) -> str:
    """Write, read and remove an object, on conditions too; return a sentence that says so.

    Raises
    ------
    ClmError
        StorageDenied: what the store answered, or which writes it lacks; StorageUnavailable.
    """
    store, path = open_store(settings), f"checks/{uuid4()}"
    with named_errors():
        store.put(path, path.encode(), use_multipart=False)
        content = bytes(fetch_now(store, path).bytes())
        store.delete(path)
    if content != path.encode():
        text = f"{settings.url} returned other bytes than were written"
        raise ClmError(Reason.STORAGE_UNAVAILABLE, text)
    prove_writes(store, settings.url)
    said = (
        f"{settings.url}: an object was written, read back and removed; create-only and "
        "compare-and-swap writes hold"
    )
    if settings.credentials is not CredentialsMode.PER_RUN:
        return said
    check_lending(settings)
    return f"{said}; lent keys reach what they are for, and nothing else"


def check_lending(settings: StoreSettings) -> None:
    """Prove that lent keys write what was asked for and no other object.

    Raises
    ------
    ClmError
        StorageDenied: the store lends none, or ones that may do more; StorageUnavailable.
    """
    mine, other = (f"checks/{uuid4()}" for _ in range(2))
    lent = Lender(settings).lend((Access(writes=(mine,)),), SHORTEST_S)
    store = open_store(settings, lent)
    with named_errors():
        store.put(mine, b"", use_multipart=False)
    try:
        store.put(other, b"", use_multipart=False)
    except (BaseError, OSError) as error:
        found = unreadable(error)
        if found.reason is Reason.STORAGE_DENIED:
            return
        raise ClmError(found.reason, found.message) from error
    finally:
        with named_errors():
            open_store(settings).delete([mine, other])
    raise ClmError(
        Reason.STORAGE_DENIED,
        f"{settings.url}: keys that were lent for one object write another one too: the store "
        "ignores the policy, set objectStore.credentials to Static",
    )
