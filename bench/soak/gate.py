"""The operator's way to the API server: times are moved, requests are cut, writes are deadly."""

import threading
import time
from collections.abc import Callable

from tests.support.proxy import Proxy, Seen, Verdict

from bench.soak.hours import Hours


class Gate:
    """A proxy that knows when the operator last asked for anything."""

    def __init__(self, target: str, ca: str, hours: Hours, kill: Callable[[], None]) -> None:
        self._kill, self._lock = kill, threading.Lock()
        self._asked_at = time.monotonic()
        self._left, self._mode = 0, Verdict.PASS
        self.is_cut = self.is_held = False
        self.proxy = Proxy(target, ca, self._judge, self._after, hours.moved)

    @property
    def url(self) -> str:
        """Its address."""
        return self.proxy.url

    def quiet_s(self) -> float:
        """How long the operator has asked for nothing but its Lease."""
        return time.monotonic() - self._asked_at

    def kill_at(self, number: int, mode: Verdict) -> None:
        """Kill the operator at its next write but so many, before or after it counts."""
        with self._lock:
            self._left, self._mode = number, mode

    def disarm(self) -> None:
        """Kill nobody."""
        with self._lock:
            self._left = 0

    def _judge(self, seen: Seen) -> Verdict:
        if self.is_cut or self.is_held:
            return Verdict.REFUSE
        if "/leases" in seen.path:
            return Verdict.PASS
        self._asked_at = time.monotonic()
        if seen.method == "GET":
            return Verdict.PASS
        with self._lock:
            if self._left == 0:
                return Verdict.PASS
            self._left -= 1
            if self._left:
                return Verdict.PASS
        if self._mode is Verdict.REFUSE:
            self._kill()
        return self._mode

    def _after(self, _: Seen) -> None:
        self._kill()
