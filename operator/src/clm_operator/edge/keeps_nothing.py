"""kopf keeps no state of ours on objects: it compares nothing, so it need not copy each of them.

With the storages that it brings, every event of an object is copied whole, to find out what has
changed for handlers that we don't have; that was two thirds of an event's cost.
"""

from typing import Any

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Sees nothing of an object that could differ."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing of it."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Return what was kept: nothing."""
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers: ours are told of events, and there it ends."""

    def fetch(self, **_: Any) -> None:
        """Return what was kept: nothing."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """There is nothing to remove."""

    def touch(self, **_: Any) -> None:
        """There is nothing to touch."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return it as it is."""
        return essence
