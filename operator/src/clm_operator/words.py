"""Words that differ in nothing that matters."""

import re
from typing import TypeVar

from clm_api.model_version import ModelVersionStatus
from clm_api.schedule_status import HeldRun, ReplayStatus

_PASSING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=[A-Za-z]*\d)\w{12,}"
    r"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5,10}(?![a-zA-Z0-9])|\d+"
)
"""What differs from answer to answer: uids, ids of requests, ends of pods' names, numbers."""


def same_words(before: str, after: str) -> str:
    """Return the words of before if only numbers and ids differ: new ones would be a write."""
    return before if _PASSING.sub("0", before) == _PASSING.sub("0", after) else after


_S = TypeVar("_S", ModelVersionStatus, ReplayStatus, HeldRun)


def calm(status: _S, before: str) -> _S:
    """Return a status in the words of before if they are the same; both are cut to the field."""
    return status.having(message=same_words(before, status.message))
