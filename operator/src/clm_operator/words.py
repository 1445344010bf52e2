"""Words that differ in nothing that matters."""

import re

_PASSING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=[A-Za-z]*\d)\w{12,}"
    r"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5,10}(?![a-zA-Z0-9])|\d+"
)
"""What differs from answer to answer: uids, ids of requests, ends of pods' names, numbers."""


def same_words(before: str, after: str) -> str:
    """Return the words of before if only numbers and ids differ: new ones would be a write."""
    return before if _PASSING.sub("0", before) == _PASSING.sub("0", after) else after
