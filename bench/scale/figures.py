"""The figures that the bench is for, and the bars that they must not exceed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Raw = dict[str, Any]
Value = Callable[[Raw, int], float | None]
"""Takes a figure of a size out of all results: ``results[command][size]``; None: not measured."""
_BASE = 300
_PARTS = ("first", "restart", "run", "burst", "poll", "crowd")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Parameters
    ----------
    most
        The bar; None for a figure that only informs.
    from_size
        The smallest number of schedules for which the bar holds.
    """

    name: str
    unit: str
    value: Value
    most: float | None = None
    from_size: int = 0

    def missed(self, results: Raw, size: int) -> bool:
        """Whether a size was measured and is above the bar."""
        found = self.value(results, size)
        return self.bar(size) is not None and found is not None and found > (self.most or 0)

    def bar(self, size: int) -> float | None:
        """The bar for a size."""
        return self.most if size >= self.from_size else None


def at(command: str, *path: str) -> Value:
    """A number in the results of a command."""

    def value(results: Raw, size: int) -> float | None:
        found: Any = results.get(command, {}).get(str(size))
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return None if found is None else float(found)

    return value


def share(above: Value, below: Value) -> Value:
    """One figure divided by another."""

    def value(results: Raw, size: int) -> float | None:
        upper, lower = above(results, size), below(results, size)
        return None if upper is None or not lower else upper / lower

    return value


def at_base(value: Value) -> Value:
    """A figure of 300 schedules, whatever the size."""
    return lambda results, _: value(results, _BASE)


def _measured(*path: str) -> Value:
    return at("measure", *path)


def _writes_a_schedule(results: Raw, size: int) -> float | None:
    writes = _measured("first", "writes")(results, size)
    return None if writes is None else writes / size


def _requests_a_poll(results: Raw, size: int) -> float | None:
    """The requests of polls alone: the Lease is renewed, and a watch opened, with none too."""
    found = {
        (part, name): _measured(part, name)(results, size)
        for part in ("poll", "idle")
        for name in ("requests", "wall_s")
    }
    polls = _measured("poll", "polls")(results, size)
    asked, seconds = found["poll", "requests"], found["poll", "wall_s"]
    if asked is None or seconds is None or not polls:
        return None
    at_rest, rested_s = found["idle", "requests"], found["idle", "wall_s"]
    anyway = at_rest / rested_s * seconds if at_rest is not None and rested_s else 0.0
    return max(asked - anyway, 0.0) / polls


def _lag_s(results: Raw, size: int) -> float | None:
    found = [_measured(part, "lag_s")(results, size) for part in _PARTS]
    return max((lag for lag in found if lag is not None), default=None)


def _peak_mb(results: Raw, size: int) -> float | None:
    found = [_measured(part, "rss_peak_mb")(results, size) for part in _PARTS]
    return max((peak for peak in found if peak is not None), default=None)


_CPU = _measured("burst", "per_slot", "operator_cpu_ms")
_PEER = at("peer", "slot", "per_slot", "operator_cpu_ms")
FIGURES = (
    Figure("CPU a slot of 100 due, operator", "ms", _CPU, 25, from_size=300),
    Figure("the same, times that at 300 schedules", "", share(_CPU, at_base(_CPU)), 1.3,
           from_size=300),
    Figure("the same, times the CronJob controller", "", share(_CPU, at_base(_PEER)), 6,
           from_size=300),
    Figure("CPU a slot of 100 due, API server", "ms",
           _measured("burst", "per_slot", "apiserver_cpu_ms"), 90, from_size=300),
    Figure("requests a slot of 100 due", "", _measured("burst", "per_slot", "requests"), 9),
    Figure("slots of 100 lost", "", _measured("burst", "lost"), 0),
    Figure("slots of 100 doubled", "", _measured("burst", "doubled"), 0),
    Figure("first start: writes a schedule", "", _writes_a_schedule, 1),
    Figure("first start: time of the writes, times the budget's own", "",
           share(_measured("first", "writing_s"), _measured("first", "budget_s")), 1.1,
           from_size=1000),
    Figure("restart: CPU", "s", _measured("restart", "operator_cpu_s"), 90),
    Figure("restart: requests", "", _measured("restart", "requests"), 200),
    Figure("restart: writes", "", _measured("restart", "writes"), 0),
    Figure("memory after the restart", "MB", _measured("restart", "rss_mb")),
    Figure("memory at most", "MB", _peak_mb, 400),
    Figure("idle: share of a core", "%", _measured("idle", "cpu_percent"), 1),
    Figure("one look at /metrics: CPU", "s", _measured("idle", "scrape_cpu_s")),
    Figure("whole run with a 12 s pod: requests", "", _measured("run", "requests"), 30),
    Figure("poll of an active run: API requests", "", _requests_a_poll, 0.05,
           from_size=100),
    Figure("poll of an active run: store requests", "",
           _measured("poll", "store_requests_a_poll"), 1.2),
    Figure("1000 due: median lateness of the Jobs", "s", _measured("crowd", "jobs_late_s", "p50")),
    Figure("1000 due: p99 lateness of the Jobs", "s", _measured("crowd", "jobs_late_s", "p99")),
    Figure("1000 due: p99 lateness, times the budget's own time", "",
           share(_measured("crowd", "jobs_late_s", "p99"), _measured("crowd", "budget_s")), 1.1),
    Figure("slots of 1000 lost", "", _measured("crowd", "lost"), 0),
    Figure("slots of 1000 doubled", "", _measured("crowd", "doubled"), 0),
    Figure("longest wait for the event loop", "s", _lag_s, 0.5),
    Figure("with ended versions: memory at most", "MB",
           at("versions", "with_versions", "rss_peak_mb"), 450),
    Figure("with ended versions: kB a version", "", at("versions", "kb_a_version")),
)  # fmt: skip
"""A poll may exceed 0 and 1 by the heartbeat in its time and by the age of the store's figures."""


def missed(results: Raw, sizes: list[int]) -> list[str]:
    """The figures above their bar, by name and size."""
    return [f"{f.name} ({n} schedules)" for f in FIGURES for n in sizes if f.missed(results, n)]
