"""Objects of one kind, each in its newest form, found by name or by the schedule it belongs to."""

import json
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from pydantic import ValidationError

from clm_operator.mirror.objects import Key, Raw

_GONE_KEPT = 20_000
"""Uids of deleted objects that are remembered: an answer that comes late revives none."""
T = TypeVar("T")
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class _Row:
    uid: str
    version: str
    key: Key | None
    packed: bytes


@dataclass(frozen=True)
class Gone:
    """An object that went without a word."""

    namespace: str
    name: str
    uid: str
    key: Key | None
    version: str

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def is_newer(version: str, than: str) -> bool:
    """Whether a resourceVersion is newer than another one of the same kind.

    They are numbers that grow, in etcd as in what stands in for it; others are taken as newer.
    """
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


class Table(Generic[T]):
    """Keeps objects packed, and the typed form of those that were lately used.

    Parameters
    ----------
    read
        Makes a typed object of a raw one; the former typed form is given along, if it is known.
    key_of
        The schedule that an object belongs to; None if it belongs to none.
    recent
        Typed objects kept.
    """

    def __init__(
        self,
        read: Callable[[Raw, T | None], T],
        key_of: Callable[[Raw], Key | None],
        recent: int = 2000,
    ) -> None:
        self._read, self._key_of, self._recent = read, key_of, recent
        self._rows: dict[Place, _Row] = {}
        self._of: dict[str, dict[Key, dict[Place, None]]] = {}
        """By namespace, then by schedule."""
        self._typed: OrderedDict[Place, T] = OrderedDict()
        self._own: set[Place] = set()
        self._gone: OrderedDict[str, str | None] = OrderedDict()
        """Up to which resourceVersion an object is known to be out of sight; None: for good."""

    def __len__(self) -> int:
        """Return how many objects there are."""
        return len(self._rows)

    def put(self, raw: Raw, *, own: bool = False) -> Key | None:
        """Keep an object if it is newer than what is known; return whose it is if it is news.

        Parameters
        ----------
        own
            Whether it is the answer to a write of this process.
        """
        meta = raw["metadata"]
        place = (str(meta["namespace"]), str(meta["name"]))
        uid, version = str(meta["uid"]), str(meta["resourceVersion"])
        row = self._rows.get(place)
        if uid in self._gone and not self._is_back(uid, version):
            return None
        if row is not None and not is_newer(version, row.version):
            return None
        self._gone.pop(uid, None)
        if row is not None:
            self._unlink(place, row)
        slim = raw | {"metadata": {k: v for k, v in meta.items() if k != "managedFields"}}
        key = self._key_of(raw)
        packed = zlib.compress(json.dumps(slim, separators=(",", ":")).encode(), 1)
        self._rows[place] = _Row(uid, version, key, packed)
        if own:
            self._own.add(place)
        else:
            self._own.discard(place)
        if key is not None:
            self._of.setdefault(key.namespace, {}).setdefault(key, {})[place] = None
        before = self._typed.pop(place, None)
        if before is not None and row is not None and row.uid == uid:
            with suppress(ValidationError):  # whoever asks for it is told
                self._keep(place, self._read(slim, before))
        return key

    def drop(self, namespace: str, name: str, uid: str, version: str | None = None) -> Key | None:
        """Forget the object of that uid; return whose it was, None if it was not known.

        Parameters
        ----------
        version
            Up to which resourceVersion; a watch that selects by label says of an object that lost
            it that it was deleted. None: it is gone for good.
        """
        self._gone[uid] = version
        if len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)
        place = (namespace, name)
        row = self._rows.get(place)
        if row is None or row.uid != uid:
            return None
        del self._rows[place]
        self._own.discard(place)
        self._typed.pop(place, None)
        self._unlink(place, row)
        return row.key

    def sweep(self, scope: str | None, seen: set[str], version: str) -> list[Gone]:
        """Drop what a whole list does not show, unless it was made after the list.

        Parameters
        ----------
        scope
            The list's namespace; None: all.
        seen
            Uids on the list.
        version
            The list's resourceVersion.
        """
        missing = [
            Gone(*place, row.uid, row.key, row.version)
            for place, row in self._rows.items()
            if scope in (None, place[0])
            and row.uid not in seen
            and not is_newer(row.version, version)
        ]
        for gone in missing:
            self.drop(gone.namespace, gone.name, gone.uid, gone.version)
        return missing

    def get(self, namespace: str, name: str) -> T | None:
        """Return an object; None if there is none."""
        place = (namespace, name)
        row = self._rows.get(place)
        if row is None:
            return None
        if (typed := self._typed.get(place)) is None:
            typed = self._read(json.loads(zlib.decompress(row.packed)), None)
            self._keep(place, typed)
        else:
            self._typed.move_to_end(place)
        return typed

    def uid(self, namespace: str, name: str) -> str | None:
        """Return an object's uid; None if there is none."""
        row = self._rows.get((namespace, name))
        return None if row is None else row.uid

    def of(self, key: Key) -> list[T]:
        """Return the objects that belong to a schedule."""
        found = (self.get(*place) for place in self.places(key))
        return [typed for typed in found if typed is not None]

    def places(self, key: Key) -> list[Place]:
        """Return namespace and name of the objects that belong to a schedule."""
        return list(self._of.get(key.namespace, {}).get(key, ()))

    def is_own(self, namespace: str, name: str) -> bool:
        """Whether the newest form that is known was written by this process, in this term."""
        return (namespace, name) in self._own

    def disown(self) -> None:
        """Forget what was written by this process: another one may have worked since."""
        self._own.clear()

    def owners(self, namespace: str | None) -> Iterator[Key]:
        """Return the schedules that objects of a namespace belong to; None: of all."""
        if namespace is None:
            return chain.from_iterable(self._of.values())
        return iter(self._of.get(namespace, ()))

    def _is_back(self, uid: str, version: str) -> bool:
        """Whether an object is seen that is no older than its end: under another name, say."""
        end = self._gone[uid]
        return end is not None and not is_newer(end, version)

    def _keep(self, place: Place, typed: T) -> None:
        self._typed[place] = typed
        if len(self._typed) > self._recent:
            self._typed.popitem(last=False)

    def _unlink(self, place: Place, row: _Row) -> None:
        if row.key is None:
            return
        owners = self._of[row.key.namespace]
        del owners[row.key][place]
        if not owners[row.key]:
            del owners[row.key]
        if not owners:
            del self._of[row.key.namespace]
