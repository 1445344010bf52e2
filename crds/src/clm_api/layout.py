"""Where everything lies in the object store; the one place that knows the paths."""

import re
from dataclasses import dataclass

MANIFEST = "manifest.json"
PROGRESS = "progress.json"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _segment(text: str) -> str:
    if not _SAFE.fullmatch(text):
        raise ValueError(f"{text!r} can't be part of an object's path")
    return text


def _month(exchange: str, market: str, symbol: str, series: str, month: str) -> str:
    parts = (exchange, market, symbol.replace("/", "-").replace(":", "_"), series, month)
    return "/".join(("bars", "v1", *map(_segment, parts))) + ".parquet"


def bars_month(exchange: str, market: str, symbol: str, timeframe: str, month: str) -> str:
    """Return the object of one month of bars.

    Parameters
    ----------
    symbol
        ``BTC/USDT`` becomes ``BTC-USDT``, ``BTC/USDT:USDT`` becomes ``BTC-USDT_USDT``.
    month
        As ``YYYY-MM``.
    """
    return _month(exchange, market, symbol, timeframe, month)


def funding_month(exchange: str, market: str, symbol: str, month: str) -> str:
    """Return the object of one month of a perpetual's funding payments, beside its bars."""
    return _month(exchange, market, symbol, "funding", month)


def runs_of(namespace: str) -> str:
    """Return the folder of all runs of a namespace."""
    return f"runs/{_segment(namespace)}"


def production_pointer(namespace: str, schedule: str) -> str:
    """Return the object that names a schedule's production version."""
    return f"production/{_segment(namespace)}/{_segment(schedule)}.json"


def tombstones_of(namespace: str) -> str:
    """Return the folder of a namespace's tombstones."""
    return f"tombstones/{_segment(namespace)}"


@dataclass(frozen=True)
class RunLayout:
    """The objects of one run.

    Parameters
    ----------
    namespace, schedule
        Of the TrainingSchedule; ``local`` for runs without a cluster.
    uid
        The ModelVersion's uid, or a fresh uuid for runs without a cluster.
    """

    namespace: str
    schedule: str
    uid: str

    @property
    def prefix(self) -> str:
        """The run's folder."""
        return "/".join(("runs", *map(_segment, (self.namespace, self.schedule, self.uid))))

    @property
    def manifest(self) -> str:
        """The commit point: create-only, written last."""
        return f"{self.prefix}/{MANIFEST}"

    @property
    def tombstone(self) -> str:
        """Says that retention removes the run: written before its version is deleted."""
        folder = tombstones_of(self.namespace)
        return f"{folder}/{_segment(self.schedule)}/{_segment(self.uid)}.json"

    @staticmethod
    def relative_attempt(attempt: str) -> str:
        """Return the folder of one pod's files, relative to the manifest."""
        return f"attempts/{_segment(attempt)}"

    def attempt(self, attempt: str) -> str:
        """Return the folder of one pod's files."""
        return f"{self.prefix}/{self.relative_attempt(attempt)}"

    def progress(self, attempt: str) -> str:
        """Return the object in which a pod says how far it is."""
        return f"{self.attempt(attempt)}/{PROGRESS}"
