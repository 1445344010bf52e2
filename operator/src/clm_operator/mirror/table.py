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
_MOST_TYPED_BYTES = 32 << 20
"""JSON of the typed objects that are kept; in Python they take several times as much."""
T = TypeVar("T")
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class _Row:
    uid: str
    version: str
    key: Key | None
    packed: bytes
    size: int
    """Of its JSON, in bytes."""


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


@dataclass
class Look:
    """A list that is under way, and what was known when it was asked for.

    A list shows all that was true by then. What was known to be newer is of a past that the server
    has lost: its store was restored from a backup.
    """

    number: int
    newest: str
    """The newest resourceVersion that was known; empty if none was."""
    version: str = ""
    """The list's own; empty before its first page."""
    contradicted: bool = False
    """Whether it showed an object as it was, or one that was deleted."""

    @property
    def went_back(self) -> bool:
        """Whether the server knows less than it has said before, or something else."""
        return self.contradicted or is_older(self.version, self.newest)

    def covers(self, version: str) -> bool:
        """Whether the list is right about an object that was kept at that resourceVersion."""
        older = is_older(self.version, self.newest)
        return not is_newer(version, self.newest if older else self.version)


def is_older(version: str, than: str) -> bool:
    """Whether a resourceVersion is surely older than another one."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


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
        recent: int = 1500,
    ) -> None:
        self._read, self._key_of, self._recent = read, key_of, recent
        self._rows: dict[Place, _Row] = {}
        self._of: dict[str, dict[Key, dict[Place, None]]] = {}
        """By namespace, then by schedule."""
        self._typed: OrderedDict[Place, tuple[T, int]] = OrderedDict()
        self._typed_bytes = 0
        self._own: set[Place] = set()
        self._gone: OrderedDict[str, tuple[str | None, int]] = OrderedDict()
        """Up to which resourceVersion an object is known to be out of sight, None: for good; and
        how many looks had begun by then."""
        self._looks = 0

    def __len__(self) -> int:
        """Return how many objects there are."""
        return len(self._rows)

    def look(self, scope: str | None, reached: str) -> Look:
        """Begin a list.

        Parameters
        ----------
        scope
            Its namespace; None: all.
        reached
            Up to which resourceVersion all was known before; empty if nothing was.
        """
        self._looks += 1
        kept = (row.version for place, row in self._rows.items() if scope in (None, place[0]))
        known = (v for v in (reached, *kept) if v.isdecimal())
        return Look(self._looks, max(known, key=int, default=""))

    def put(self, raw: Raw, *, own: bool = False, look: Look | None = None) -> Key | None:
        """Keep an object if it is newer than what is known; return whose it is if it is news.

        Parameters
        ----------
        own
            Whether it is the answer to a write of this process.
        look
            The list that shows it; it is right about what was known before, newer or not.
        """
        meta = raw["metadata"]
        place = (str(meta["namespace"]), str(meta["name"]))
        uid, version = str(meta["uid"]), str(meta["resourceVersion"])
        row = self._rows.get(place)
        if uid in self._gone and not self._is_back(uid, version, look):
            return None
        if row is not None and not self._replaces(version, row.version, look):
            return None
        self._gone.pop(uid, None)
        if row is not None:
            self._unlink(place, row)
        slim = raw | {"metadata": {k: v for k, v in meta.items() if k != "managedFields"}}
        key = self._key_of(raw)
        text = json.dumps(slim, separators=(",", ":")).encode()
        self._rows[place] = _Row(uid, version, key, zlib.compress(text, 1), len(text))
        if own:
            self._own.add(place)
        else:
            self._own.discard(place)
        if key is not None:
            self._of.setdefault(key.namespace, {}).setdefault(key, {})[place] = None
        before = self._forget(place)
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
        self._gone[uid] = (version, self._looks)
        if len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)
        place = (namespace, name)
        row = self._rows.get(place)
        if row is None or row.uid != uid:
            return None
        del self._rows[place]
        self._own.discard(place)
        self._forget(place)
        self._unlink(place, row)
        return row.key

    def sweep(self, scope: str | None, seen: set[str], look: Look) -> list[Gone]:
        """Drop what a whole list does not show, unless it was made after the list.

        Parameters
        ----------
        scope
            The list's namespace; None: all.
        seen
            Uids on the list.
        """
        missing = [
            Gone(*place, row.uid, row.key, row.version)
            for place, row in self._rows.items()
            if scope in (None, place[0]) and row.uid not in seen and look.covers(row.version)
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
        if (kept := self._typed.get(place)) is not None:
            self._typed.move_to_end(place)
            return kept[0]
        typed = self._read(json.loads(zlib.decompress(row.packed)), None)
        self._keep(place, typed)
        return typed

    def uid(self, namespace: str, name: str) -> str | None:
        """Return an object's uid; None if there is none."""
        row = self._rows.get((namespace, name))
        return None if row is None else row.uid

    def key(self, namespace: str, name: str) -> Key | None:
        """Return the schedule that an object belongs to; None if there is none."""
        row = self._rows.get((namespace, name))
        return None if row is None else row.key

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

    def _is_back(self, uid: str, version: str, look: Look | None) -> bool:
        """Whether an object is seen that is no older than its end: under another name, say.

        Or it is on a list that was asked for after its end: a backup brought it back.
        """
        end, looks = self._gone[uid]
        if look is not None and looks < look.number:
            look.contradicted |= end is None
            return True
        return end is not None and not is_newer(end, version)

    @staticmethod
    def _replaces(version: str, kept: str, look: Look | None) -> bool:
        if is_newer(version, kept):
            return True
        if look is None or version == kept or not look.covers(kept):
            return False
        look.contradicted = True
        return True

    def _keep(self, place: Place, typed: T) -> None:
        size = self._rows[place].size
        self._typed[place] = typed, size
        self._typed_bytes += size
        while len(self._typed) > self._recent or self._typed_bytes > _MOST_TYPED_BYTES:
            self._forget(next(iter(self._typed)))

    def _forget(self, place: Place) -> T | None:
        """Forget the typed form of an object; return it if it was kept."""
        typed, size = self._typed.pop(place, (None, 0))
        self._typed_bytes -= size
        return typed

    def _unlink(self, place: Place, row: _Row) -> None:
        if row.key is None:
            return
        owners = self._of[row.key.namespace]
        del owners[row.key][place]
        if not owners[row.key]:
            del owners[row.key]
        if not owners:
            del self._of[row.key.namespace]
