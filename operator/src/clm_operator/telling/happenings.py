"""A happening from what it says, and no more of them than a status holds."""

from collections.abc import Iterable
from typing import Literal, get_args

from clm_api.events import EventData, EventsMerged
from clm_api.happening import MOST_UNTOLD, Happening, Sink
from clm_api.reasons import Reason

Kind = Literal["Normal", "Warning"]
SINKS: tuple[Sink, ...] = get_args(Sink)
MOST_CHARACTERS = 400_000
"""Of all that waits of one object: etcd takes no object above 1.5 MiB."""


def happening(kind: Kind, key: str, data: EventData) -> Happening:
    """Return a happening.

    Parameters
    ----------
    key
        Tells it from others of the same object, and is made of stored facts: telling twice makes
        one.
    data
        Made of stored facts too.
    """
    return Happening(
        id=key,
        type=kind,
        reason=data.reason,
        message=data.message,
        event=data.event,
        data=data.text,
    )


def bounded(happenings: Iterable[Happening]) -> list[Happening]:
    """Return no more than a status holds; one that says how many stands for the oldest of more."""
    found = list(happenings)
    kept = _newest(found)
    if len(kept) == len(found):
        return found
    return [_merged(found[: len(found) - len(kept)]), *kept]


def _newest(found: list[Happening]) -> list[Happening]:
    """Return the newest that fit: all, or one less than a status holds."""
    if len(found) <= MOST_UNTOLD and sum(map(_size, found)) <= MOST_CHARACTERS:
        return found
    kept, room = list[Happening](), MOST_CHARACTERS
    for one in reversed(found[1 - MOST_UNTOLD :]):
        room -= _size(one)
        if room < 0:
            break
        kept.append(one)
    return kept[::-1]


def _size(one: Happening) -> int:
    return len(one.message) + len(one.data or "")


def _merged(merged: list[Happening]) -> Happening:
    """Return one that stands for several; who knows all of them knows it."""
    count, last = sum(one.count or 1 for one in merged), merged[-1]
    text = f"{count} events are told as one. The last of them: {last.reason}: {last.message}"
    data = EventsMerged(reason=Reason.EVENTS_MERGED, message=text, count=count)
    stands = happening("Warning", f"merged-{last.id}", data)
    return stands.having(
        at=last.at,
        count=count,
        told=[sink for sink in SINKS if all(sink in one.told for one in merged)],
        to=[sink for sink in SINKS if any(sink in one.to for one in merged)],
    )
