"""Reading an object, and telling it from what something between operator and store answered."""

from typing import TYPE_CHECKING

from obstore.store import ObjectStore

from clm_api.store_faults import require_object

if TYPE_CHECKING:
    from obstore import GetResult


async def fetch(store: ObjectStore, path: str) -> "GetResult":
    """Return an object, yet to be read.

    Raises
    ------
    NoObjectError
        The answer is none of a store's.
    """
    found = await store.get_async(path)
    require_object(path, found.meta["e_tag"], found.attributes.get("Content-Type", ""))
    return found


def fetch_now(store: ObjectStore, path: str) -> "GetResult":
    """Return an object as ``fetch`` does, and wait for it."""
    found = store.get(path)
    require_object(path, found.meta["e_tag"], found.attributes.get("Content-Type", ""))
    return found
