"""Names of images: which repository one is of, and whether that lies below another."""

import re
from collections.abc import Iterable

_LABEL = "[a-z0-9]+(?:-+[a-z0-9]+)*"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_IMAGE = re.compile(
    rf"(?P<repository>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::{_TAG})?(?:@(?:{_DIGEST}))?"
)
PREFIX_PATTERN = rf"^(?:{_HOST}|{_PART})(?:/{_PART})*$"
"""A registry, a folder of one or a repository, without tag and digest."""


def repository(image: str) -> str | None:
    """Return the repository that an image is pulled from; None for what names no image.

    The grammar is that of the distribution specification, without upper case in hosts: one
    registry has one spelling.
    """
    found = _IMAGE.fullmatch(image)
    return found and found["repository"]


def within(image: str, prefixes: Iterable[str]) -> bool:
    """Whether an image is of one of some repositories, or of a folder or registry among them.

    ``registry.io/quants`` holds ``registry.io/quants`` and ``registry.io/quants/own``, but not
    ``registry.io/quants-of-others``; ``registry.io`` does not hold ``registry.io:5000/own``.
    """
    found = repository(image)
    return found is not None and any(
        found == held or found.startswith(f"{held}/") for held in prefixes
    )
