"""How often the store is asked how far simulations are: the more there are, the less often.

Each look of a simulation costs about as much, so that all of them together cost the same however
many there are: at most one list a fifth of a poll.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from clm_operator.mirror.objects import Key

_POLLS, _SHARE = 3, 0.2
"""The least between two looks, and what each list adds to it, in ``progressPollSeconds``."""


@dataclass
class Polls:
    """When each simulation was last asked for.

    Parameters
    ----------
    poll_s
        ``progressPollSeconds``.
    """

    poll_s: float
    monotonic: Callable[[], float]
    _asked: dict[Key, float] = field(default_factory=dict)
    _lists: dict[Key, int] = field(default_factory=dict)

    @property
    def interval(self) -> timedelta:
        """How long a simulation rests between two looks."""
        lists = sum(self._lists.values())
        return timedelta(seconds=self.poll_s * max(_POLLS, _SHARE * lists))

    def is_due(self, key: Key, lists: int) -> bool:
        """Whether a simulation's pods are to be asked for now; the next time is counted from now.

        Parameters
        ----------
        lists
            What that costs; none: nothing is to be asked for.
        """
        if not lists:
            self.forget(key)
            return False
        self._lists[key] = lists
        now, before = self.monotonic(), self._asked.get(key)
        if before is not None and now - before < self.interval.total_seconds() * 0.9:
            return False
        self._asked[key] = now
        return True

    def forget(self, key: Key) -> None:
        """Take note that a simulation is trained, or gone."""
        self._asked.pop(key, None)
        self._lists.pop(key, None)
