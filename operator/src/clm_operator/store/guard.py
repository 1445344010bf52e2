"""What a store does not do, as an error with a reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from clm_api.errors import ClmError
from clm_api.store_faults import absent
from clm_operator.store.results import unreadable


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn the library's errors into StorageDenied or StorageUnavailable.

    Raises
    ------
    ClmError
        With what the store answered. A missing object passes through as FileNotFoundError.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        if isinstance(error, FileNotFoundError) and absent(str(error)):
            raise
        found = unreadable(error)
        raise ClmError(found.reason, found.message) from error
