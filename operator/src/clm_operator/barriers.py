"""What keeps an object from being made for now, and words that differ in nothing that matters."""

import re
from typing import TypeVar

from clm_api.model_version import ModelVersionStatus
from clm_api.reasons import Reason
from clm_api.schedule_status import HeldRun, ReplayStatus
from clm_operator.view import Snapshot, Withheld

_PASSING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=[A-Za-z]*\d)\w{12,}"
    r"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5,10}(?![a-zA-Z0-9])|\d+"
)
"""What differs from answer to answer: uids, ids of requests, ends of pods' names, numbers."""
LEAVING = "an object of that name, of a schedule that is gone, is being removed"


def barrier(snapshot: Snapshot, name: str) -> Withheld | None:
    """Return what keeps an object of that name from being made for now."""
    if name in snapshot.leaving:
        return Withheld(Reason.COLLECTION_PENDING, LEAVING)
    return snapshot.withheld.get(name)


def same_words(before: str, after: str) -> str:
    """Return the words of before if only numbers and ids differ: new ones would be a write."""
    return before if _PASSING.sub("0", before) == _PASSING.sub("0", after) else after


_S = TypeVar("_S", ModelVersionStatus, ReplayStatus, HeldRun)


def calm(status: _S, before: str) -> _S:
    """Return a status in the words of before if they are the same; both are cut to the field."""
    return status.having(message=same_words(before, status.message))
