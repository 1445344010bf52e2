"""When each watch had its last word: facts of which nothing was heard for long decide nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

SILENCE_S = 180.0
"""A watch that works has a word every minute: an event, a bookmark, or that it begins anew."""


@dataclass
class Words:
    """The last word of each watch, by a name of its own.

    Parameters
    ----------
    monotonic
        Seconds that never run backwards.
    """

    monotonic: Callable[[], float]
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._born = self.monotonic()

    def hear(self, watch: tuple[str, str]) -> None:
        """Take note that a watch has said something."""
        self._last[watch] = self.monotonic()

    def silent_s(self, watch: tuple[str, str]) -> float:
        """Return for how long a watch has said nothing, since the start perhaps."""
        return self.monotonic() - self._last.get(watch, self._born)

    def is_fresh(self, watch: tuple[str, str]) -> bool:
        """Whether a watch has spoken lately."""
        last = self._last.get(watch)
        return last is not None and self.monotonic() - last <= SILENCE_S
