"""Files of a version's run or of a simulation that a page shows beside what the cluster says."""

from dataclasses import dataclass
from enum import StrEnum

from clm_api import layout
from clm_cli.dashboard.world import Key

LOG_BYTES = 1024 * 1024
"""As much of a log is read, from its beginning."""


class File(StrEnum):
    """A file of a run, by its name among the files of its pod."""

    REPORT = "report.html"
    EQUITY = "equity.parquet"
    LOG = layout.LOG
    REPLAYS = "replays"
    """No file of a run: what all replays of a schedule, named in a version's place, have found."""


@dataclass(frozen=True)
class Wanted:
    """A file of a version."""

    version: Key
    file: File


@dataclass(frozen=True)
class Equity:
    """An equity curve: seconds since the epoch, and equity that begins at 1."""

    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """What became of a wanted file.

    Parameters
    ----------
    content
        Empty where there is none.
    equity
        Of ``File.EQUITY``.
    problem
        Why it can't be shown, as one sentence; empty if it can.
    """

    content: bytes = b""
    equity: Equity | None = None
    problem: str = ""
