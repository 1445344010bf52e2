"""A trained neural model: several networks, the mean of whose percentiles is the score."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from clm_trainer.families.base import Dataset
from clm_trainer.families.neural.files import write_members
from clm_trainer.families.neural.networks import Member, Network, calm, forecast
from clm_trainer.families.neural.windows import Windows
from clm_trainer.panel import Floats

BATCH = 256
"""Windows that are scored together."""
EPOCH = pd.Timestamp(0, tz="UTC")


@dataclass(frozen=True)
class NeuralFitted:
    """The networks of all seeds.

    Parameters
    ----------
    meta
        What the files must agree with when they are read: family, library, parameters, features.
    """

    members: tuple[Member, ...]
    input_bars: int
    meta: dict[str, Any]

    @property
    def history_bars(self) -> int:
        """Closes that a row's score reads."""
        return self.input_bars

    def score(self, window: Dataset) -> Floats:
        """Return the mean of the members' percentiles; NaN where a row is not usable.

        A mean of percentiles is nearer to one half than a percentile is; the mapping that all
        families share ranks it on the tail once more, which restores the share of entries.
        """
        mean: Floats = self._percentiles(window).mean(axis=0)
        return mean

    def spread(self, window: Dataset) -> float:
        """Return the members' standard deviation of percentiles, averaged over usable rows."""
        return float(self._percentiles(window).std(axis=0)[window.usable].mean())

    def _percentiles(self, window: Dataset) -> Floats:
        """Return each member's percentiles, shape (members, bars, symbols)."""
        made = [m.ranks.rank(last_steps(m.network, window, self.input_bars)) for m in self.members]
        return np.stack(made)

    def save(self, folder: Path) -> None:
        """Write the weights, and beside them what they belong to."""
        write_members(folder, self.meta, self.members)

    def importance(self) -> dict[str, float]:
        """Return nothing: the networks see closes, no features."""
        return {}


def last_steps(network: Network, window: Dataset, input_bars: int) -> Floats:
    """Return the forecast at the horizon, shape (bars, symbols); NaN where a row is not usable.

    A matrix product of another number of rows is another kernel that adds in another order: scored
    one by one, most rows differ in their last bits. Kernels may also treat a matrix's edge on its
    own, and threads share its rows out by their number. So every product has ``BATCH`` rows, a
    row's place among them follows from its time alone, what is missing is filled with zeros, and
    one thread works: a row then goes through the same operations whatever is scored with it.
    """
    out = np.full(window.usable.shape, np.nan)
    if len(window) == 0:
        return out
    windows = Windows.of(window, input_bars)
    first = (window.times[0] - EPOCH) // window.timeframe % BATCH
    with calm(), torch.inference_mode():
        for column in range(len(window.symbols)):
            for start in range(-first, len(window), BATCH):
                rows = np.arange(max(0, start), min(start + BATCH, len(window)))
                rows = rows[window.usable[rows, column]]
                if len(rows) == 0:
                    continue
                inputs = np.zeros((BATCH, input_bars), dtype=np.float32)
                inputs[rows - start] = windows.at((rows, np.full_like(rows, column)))
                paths = forecast(network, torch.from_numpy(inputs))
                out[rows, column] = paths[:, -1].numpy()[rows - start]
    return out
