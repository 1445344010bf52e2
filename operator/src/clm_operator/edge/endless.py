"""Delays without an end: kopf's own list gives up after 54 seconds."""

import random
from collections.abc import Iterator


class EndlessJitter:
    """Random delays between two bounds in seconds; every iteration starts anew."""

    def __init__(self, low_s: float, high_s: float) -> None:
        self._low_s, self._high_s = low_s, high_s

    def __iter__(self) -> Iterator[float]:
        """Yield delays for ever."""
        while True:
            yield random.uniform(self._low_s, self._high_s)
