"""What exchanges were asked for: noted by the container that may ask, told to the one that may not.

An own image is not trusted with bars that others train on. A container of CLM's own brings them up
to date before it; the two share a file that says what came of asking.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, ValidationError

from clm_api.base import Model
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunData

_KIND = {
    "exchange", "sandbox", "market", "symbols", "timeframe", "refresh", "max_gap_bars",
    "on_revision", "columns", "series",
}  # fmt: skip


class Answer(Model):
    """What asking for bars, and what belongs to them, came to.

    Parameters
    ----------
    cached
        Bars that were stored before, by symbol.
    """

    requests: int = 0
    notes: list[str] = Field(default=[])
    cached: dict[str, int] = Field(default={})


class Fills(Model):
    """What asking for an account's fills came to: the account's name, or why there are none."""

    account: str = ""
    notes: list[str] = Field(default=[])
    reason: Reason | None = None
    message: str = ""


class Record(Model):
    """All that one container asked, by the kind of data."""

    bars: dict[str, Answer] = Field(default_factory=dict)
    fills: dict[str, Fills] = Field(default_factory=dict)
    sha256: str = ""
    """Digest of a run's bars."""


def kind_of(data: RunData) -> str:
    """Return what decides which bars are fetched, but for their range."""
    return data.model_dump_json(include=_KIND)


@dataclass
class Asked:
    """Who asks, or what was told by a container that did.

    Parameters
    ----------
    told
        What it noted; None for a process that asks itself.
    """

    told: Record | None = None
    made: Record = field(default_factory=Record)

    @classmethod
    def read(cls, path: Path) -> "Asked":
        """Read what the container before has noted.

        Raises
        ------
        ClmError
            TrainingFailed: there is no such file, or it can't be read.
        """
        try:
            return cls(Record.model_validate_json(path.read_text()))
        except (OSError, ValidationError) as error:
            text = f"the fetching container left nothing readable in {path}: {error}"
            raise ClmError(Reason.TRAINING_FAILED, text) from error

    def write(self, path: Path) -> None:
        """Note all that was asked for the container after this one."""
        path.write_text(self.made.model_dump_json(by_alias=True))

    def bars(self, data: RunData, ask: Callable[[], Answer]) -> Answer:
        """Return what asking for bars came to.

        Raises
        ------
        ClmError
            TrainingFailed: nobody asked for these; what ``ask`` raises.
        """
        kind = kind_of(data)
        if self.told is None:
            self.made.bars[kind] = ask()
            return self.made.bars[kind]
        if kind not in self.told.bars:
            raise _not_told(data)
        return self.told.bars[kind]

    def fills(self, data: RunData, ask: Callable[[], Fills]) -> Fills:
        """Return what asking for an account's fills came to.

        Raises
        ------
        ClmError
            As asking ended in the container that did; TrainingFailed: nobody asked for these.
        """
        kind = kind_of(data)
        if self.told is None:
            try:
                self.made.fills[kind] = ask()
            except ClmError as error:
                self.made.fills[kind] = Fills(reason=error.reason, message=error.message)
                raise
            return self.made.fills[kind]
        found = self.told.fills.get(kind)
        if found is None:
            raise _not_told(data)
        if found.reason is not None:
            raise ClmError(found.reason, found.message)
        return found

    def same(self, sha256: str) -> None:
        """Note the digest of a run's bars, or compare it.

        Raises
        ------
        ClmError
            DataUnavailable: others have changed the stored bars meanwhile; a retry sees the same.
        """
        self.made = self.made.having(sha256=sha256)
        if self.told is not None and self.told.sha256 != sha256:
            text = "the stored bars changed between fetching and training: the run is tried again"
            raise ClmError(Reason.DATA_UNAVAILABLE, text)


def _not_told(data: RunData) -> ClmError:
    text = f"the fetching container did not fetch {', '.join(data.symbols)} {data.timeframe}"
    return ClmError(Reason.TRAINING_FAILED, f"{text}: are both images of the same release?")
