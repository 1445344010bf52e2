"""What a network sees before a decision, and the path of returns that it is to forecast."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats

INPUT_SCALE_BARS = 24
INPUT_LIMIT, PATH_LIMIT = 8.0, 3.0

Singles = NDArray[np.float32]
Places = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of some windows."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The input of every row of a dataset.

    Parameters
    ----------
    closes
        Log closes up to and with each row's own, a view of shape (bars, symbols, input_bars).
    sigma
        Volatility per bar, shape (bars, symbols).
    """

    closes: Floats
    sigma: Floats

    @classmethod
    def of(cls, rows: Dataset, input_bars: int) -> "Windows":
        """Lay a window before each row; what was before the first known close is NaN."""
        before = np.full((input_bars - 1, len(rows.symbols)), np.nan)
        closes = np.concatenate([before, rows.log_close])
        return cls(sliding_window_view(closes, input_bars, axis=0)[rows.history_bars :], rows.sigma)

    def at(self, places: Places) -> Singles:
        """Return (log close - last log close) / (sigma √24), clipped; shape (n, input_bars)."""
        closes = self.closes[places]
        scale = self.sigma[places] * np.sqrt(INPUT_SCALE_BARS)
        change = (closes - closes[:, -1:]) / scale[:, None]
        inputs: Singles = np.clip(change, -INPUT_LIMIT, INPUT_LIMIT).astype(np.float32)
        return inputs


@dataclass(frozen=True, eq=False)
class Examples:
    """Windows with known paths.

    Parameters
    ----------
    paths
        log(open[t+1+j] / open[t+1]) / (sigma_t √h) for j = 1 … h, clipped; NaN in holes; shape
        (n, h).
    """

    windows: Windows
    places: Places
    paths: Singles

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.paths)

    def inputs(self, numbers: NDArray[np.int64]) -> Singles:
        """Return the inputs of some examples, shape (n, input_bars)."""
        rows, columns = self.places
        return self.windows.at((rows[numbers], columns[numbers]))


def examples(rows: Dataset, input_bars: int, horizon_bars: int, stride: int, span: str) -> Examples:
    """Return every ``stride``-th bar's windows whose paths end inside the span.

    Parameters
    ----------
    span
        What the rows are, for the error.

    Raises
    ------
    ClmError
        InsufficientData: there is none.
    """
    windows = Windows.of(rows, input_bars)
    last = max(0, len(rows) - 1 - horizon_bars)
    known = rows.usable[:last] & np.isfinite(rows.target[:last])
    known &= np.isfinite(windows.closes[:last, :, 0])
    known[np.arange(last) % stride != 0] = False
    row, column = np.nonzero(known)
    if len(row) == 0:
        raise ClmError(
            Reason.INSUFFICIENT_DATA,
            f"no bar of the {span} is usable and followed by {horizon_bars + 1} bars of it: "
            "import more bars, raise spec.target.calibrationDays or lower spec.target.horizonBars",
        )
    opens = np.log(rows.open)
    ahead = row[:, None] + 1 + np.arange(1, horizon_bars + 1)
    scale = rows.sigma[row, column] * np.sqrt(horizon_bars)
    change = (opens[ahead, column[:, None]] - opens[row + 1, column][:, None]) / scale[:, None]
    paths = np.clip(change, -PATH_LIMIT, PATH_LIMIT).astype(np.float32)
    return Examples(windows, (row, column), paths)
