"""Small records that other runs wrote: whoever holds one run's keys may have forged them."""

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

_LOG = logging.getLogger(__name__)
MOST_BYTES = 1 << 20
_LONGEST_MESSAGE = 2000
_T = TypeVar("_T")


def checked(path: str, kind: str, content: bytes, check: Callable[[Any], _T]) -> _T | None:
    """Return what a record says; None, and a warning, if it can't be true.

    Parameters
    ----------
    path
        Its object in the store.
    kind
        What it should be, for the warning.
    check
        Makes of its JSON what it says; raises where it can't be true.
    """
    try:
        return check(_decoded(content))
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        _LOG.warning("%s is no %s, and counts as absent: %s", path, kind, error)
        return None


def _decoded(content: bytes) -> Any:
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    return json.loads(content)


def words(raw: Any) -> str:
    """Return a message, short enough to be passed on.

    Raises
    ------
    TypeError, ValueError
        It is no text, or none that can be written as UTF-8.
    """
    if not isinstance(raw, str):
        raise TypeError("its message is no text")
    raw.encode()
    return raw[:_LONGEST_MESSAGE]
