"""``metadata`` of a manifest, held to what the API server says of every object."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_FIELDS = (
    "annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp",
    "finalizers", "generateName", "generation", "labels", "managedFields", "name", "namespace",
    "ownerReferences", "resourceVersion", "selfLink", "uid",
)  # fmt: skip
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_WORD = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MOST_ANNOTATED = 256 << 10


def metadata_faults(metadata: Mapping[str, Any]) -> list[str]:
    """Return what the API server refuses of an object's metadata."""
    found = [unknown(f"metadata.{key}", _FIELDS) for key in metadata if key not in _FIELDS]
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name is None or name == "":
        found.append("metadata.name: is missing")
    elif not isinstance(name, str):
        found.append(f"metadata.name: {name!r} is no text: put it in quotes")
    elif _SUBDOMAIN.fullmatch(name) is None:
        found.append(f'metadata.name: "{name}" is refused: small letters, digits, "-" and "."')
    if not (
        namespace in (None, "") or (isinstance(namespace, str) and _LABEL.fullmatch(namespace))
    ):
        found.append(f"metadata.namespace: {namespace!r} is no name of a namespace")
    for kind in ("labels", "annotations"):
        found += _pairs(f"metadata.{kind}", metadata.get(kind), values=kind == "labels")
    return found


def _pairs(path: str, pairs: Any, *, values: bool) -> Iterator[str]:
    """Say what is wrong with labels, whose values are bounded, or with annotations."""
    if pairs is None:
        return
    if not isinstance(pairs, Mapping):
        yield f"{path}: must be an object of texts"
        return
    for key, value in pairs.items():
        prefix, slash, name = key.rpartition("/")
        if not _WORD.fullmatch(name) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
            yield f'{path}: "{key}" is no key such as example.com/name'
        if value is not None and not isinstance(value, str):
            yield f"{path}.{key}: {value!r} is no text: put it in quotes"
        elif values and value and not _WORD.fullmatch(value):
            yield f'{path}.{key}: "{value}" is refused: at most 63 letters, digits, "-", "_", "."'
    size = sum(len(f"{key}{value}".encode()) for key, value in pairs.items())
    if not values and size > _MOST_ANNOTATED:
        yield f"{path}: {size} bytes are more than {_MOST_ANNOTATED}"


def unknown(path: str, known: Collection[str]) -> str:
    """Say that there is no such field, and which one may be meant."""
    near = difflib.get_close_matches(path.rsplit(".", 1)[-1], sorted(known), n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(sorted(known))}"
    return f"{path}: is no field; {hint}"
