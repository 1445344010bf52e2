"""What every model family offers, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.features.base import Saved
from clm_trainer.kept import Features
from clm_trainer.panel import Bools, Floats
from clm_trainer.targets.base import Ints


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows to learn from or to score.

    Parameters
    ----------
    times
        Open times, shape (bars,).
    timeframe
        Length of a bar.
    features
        Of a mask of rows, ``features[mask]``, shape (rows, features). A run keeps those that its
        family reads, where rows are usable; else they are an array (bars, symbols, features).
    target
        Label, shape (bars, symbols); NaN where it is not known.
    ends
        Row of this dataset that decides the label, shape (bars, symbols); it may lie beyond it.
    sigma
        Volatility per bar, shape (bars, symbols).
    usable
        Shape (bars, symbols); False rows are neither learned nor scored.
    open
        Opens, shape (bars, symbols); NaN in holes.
    log_close
        Log closes, carried through holes, NaN before a symbol's first bar; shape
        (history + bars, symbols). The rows before the first one are what is known of the past:
        ``log_close[-len(self):]`` belongs to ``times``. Nothing after the last row is in it.
    observed
        Those of ``names`` that the RL families observe.
    weight
        How much each label counts, 1 on average, shape (bars, symbols); None: all the same.
    before_newest
        The state of the features before the newest row; None where it is not known.
    """

    times: pd.DatetimeIndex
    timeframe: pd.Timedelta
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    features: Features
    target: Floats
    ends: Ints
    sigma: Floats
    usable: Bools
    open: Floats
    log_close: Floats
    observed: tuple[str, ...]
    weight: Floats | None = None
    before_newest: Saved | None = None

    def rows(self, start: int, stop: int) -> "Dataset":
        """Return the bars [start, stop), with all closes before them."""
        cut = slice(start, stop)
        return replace(
            self,
            before_newest=None,
            times=self.times[cut],
            features=self.features[cut],
            target=self.target[cut],
            ends=self.ends[cut] - start,
            sigma=self.sigma[cut],
            usable=self.usable[cut],
            open=self.open[cut],
            log_close=self.log_close[: self.history_bars + min(stop, len(self))],
            weight=None if self.weight is None else self.weight[cut],
        )

    @property
    def history_bars(self) -> int:
        """Number of closes before the first row."""
        return len(self.log_close) - len(self.times)

    def __len__(self) -> int:
        """Number of bars."""
        return len(self.times)


@dataclass(frozen=True)
class FitContext:
    """The circumstances of a fit.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda``.
    progress
        Called with the done fraction and a line for the log.
    should_stop
        True once the run was told to stop.
    """

    seed: int
    device: str
    threads: int
    progress: Callable[[float, str], None]
    should_stop: Callable[[], bool]


def interrupted() -> ClmError:
    """Return the error of a fit that was told to stop."""
    return ClmError(Reason.INTERRUPTED, "told to stop while training; the run is retried")


@dataclass(frozen=True)
class Reads:
    """Which features a family reads: a run keeps no others in memory.

    Parameters
    ----------
    stride
        Of a span every how many bars, from its first on; None: no features at all.
    single
        Whether float32 gives the same model and scores, bit for bit.
    alone
        Whether a row's score follows from its own features, sigma and closes, whatever other rows
        are scored with it: then only the rows that somebody asks for are scored.
    """

    stride: int | None = 1
    single: bool = False
    alone: bool = False


def reads_of(family: "Family") -> Reads:
    """Return what a family says that it reads; one that says nothing may read everything."""
    said: Reads = getattr(family, "reads", Reads())
    return said


class Fitted(Protocol):
    """A trained model."""

    def score(self, window: Dataset) -> Floats:
        """Return raw convictions, shape (bars, symbols); NaN where a row is not usable."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files."""
        ...

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the model's gain; empty if the family has none."""
        ...


def history_bars(fitted: Fitted) -> int:
    """Return how many of the newest closes a row's score reads, its own among them.

    A model that reads closes says so in an attribute of this name.
    """
    said: int = getattr(fitted, "history_bars", 0)
    return said


class Family(Protocol):
    """Trains models of one kind; made anew for each run, so it may keep caches of the run.

    A family that does not need the features of all rows says so in an attribute ``reads``.
    A family that counts labels by ``Dataset.weight`` says so: ``weighs_labels = True``.
    """

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
        """Train on the rows of a span.

        Parameters
        ----------
        valid
            The calibration tail, purged from ``train``: for early stopping.

        Raises
        ------
        ClmError
            Interrupted, InsufficientData, DeviceUnavailable.
        """
        ...

    def load(self, folder: Path, names: tuple[str, ...]) -> Fitted:
        """Read what ``Fitted.save`` wrote.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features.
        """
        ...


def weighs_labels(family: Family) -> bool:
    """Whether a family counts labels by their weights."""
    return bool(getattr(family, "weighs_labels", False))
