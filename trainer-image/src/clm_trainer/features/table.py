"""The table of features that a set makes of a panel, with the volatility that scales all else."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pandas as pd

from clm_trainer.features.base import FeatureSet, Saved
from clm_trainer.features.basis import BasisStream
from clm_trainer.features.standard import STANDARD
from clm_trainer.panel import Bools, Floats, Panel

BLOCK_BARS = 4096
"""Bars that are computed at once: memory follows them, not the history."""
_BASIS, _SET = "basis.", "set."


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of all symbols.

    Parameters
    ----------
    names
        Names, in the order of the third axis.
    values
        Shape (bars, symbols, features).
    sigma
        Volatility of log returns per bar, shape (bars, symbols).
    usable
        Shape (bars, symbols); False in holes, in the warm-up, and where a feature is not finite.
    log_close
        Log closes, carried through holes; NaN before a symbol's first bar; shape (bars, symbols).
    before_newest
        The state of the features before the newest row; None where nobody kept it.
    """

    names: tuple[str, ...]
    values: Floats
    sigma: Floats
    usable: Bools
    log_close: Floats
    before_newest: Saved | None = None


class TableStream:
    """A feature set at work: what it keeps between two blocks, and what every set needs.

    Parameters
    ----------
    saved
        What ``save`` returned; without it, nothing is known before the first block.
    """

    def __init__(
        self,
        features: FeatureSet,
        symbols: tuple[str, ...],
        timeframe: pd.Timedelta,
        saved: Saved | None = None,
    ) -> None:
        self.features = features
        if saved is None:
            self._basis = BasisStream(len(symbols))
            self._set = features.begin(symbols, timeframe)
        else:
            self._basis = BasisStream(len(symbols), _below(_BASIS, saved))
            self._set = features.resume(symbols, timeframe, _below(_SET, saved))

    def advance(self, block: Panel) -> FeatureTable:
        """Return the rows of bars that follow those of before.

        How the bars are cut into blocks makes no difference, bit for bit.
        """
        basis, values = self._basis.advance(block), self._set.advance(block)
        warm = basis.age >= self.features.warm_up_bars
        usable = warm & basis.there & np.isfinite(values).all(axis=2)
        return FeatureTable(self.features.names, values, basis.sigma, usable, basis.log_close)

    def save(self) -> Saved:
        """Return the state: small arrays, whatever the history was."""
        return {
            **{f"{_BASIS}{name}": array for name, array in self._basis.save().items()},
            **{f"{_SET}{name}": array for name, array in self._set.save().items()},
        }

    @classmethod
    def resume(
        cls,
        features: FeatureSet,
        symbols: tuple[str, ...],
        timeframe: pd.Timedelta,
        saved: Saved,
    ) -> "TableStream":
        """Return the state that ``save`` returned."""
        return cls(features, symbols, timeframe, saved)


def _below(prefix: str, saved: Saved) -> Saved:
    return {
        name.removeprefix(prefix): array for name, array in saved.items() if name.startswith(prefix)
    }


def build_features(panel: Panel, features: FeatureSet = STANDARD) -> FeatureTable:
    """Return the table of all bars."""
    shape, last = panel.gap.shape, max(0, len(panel) - 1)
    values = np.empty((*shape, len(features.names)))
    sigma, log_close = np.empty(shape), np.empty(shape)
    usable = np.empty(shape, dtype=np.bool_)
    stream = TableStream(features, panel.symbols, panel.timeframe)
    before = stream.save()
    for start, stop in pairwise([*range(0, last, BLOCK_BARS), last, len(panel)]):
        if start == last:
            before = stream.save()
        made = stream.advance(panel.window(start, stop))
        rows = slice(start, stop)
        values[rows], sigma[rows] = made.values, made.sigma  # noqa: PD011  not a frame
        usable[rows], log_close[rows] = made.usable, made.log_close
    return FeatureTable(features.names, values, sigma, usable, log_close, before)


def code_hash() -> str:
    """Return a digest of the feature code: an artifact is only served by the code that made it."""
    digest = hashlib.sha256()
    package = files("clm_trainer.features")
    for source in sorted(package.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".py"):
            text = source.read_text("utf-8").replace("\r\n", "\n")
            digest.update(f"{source.name}\n{text}".encode())
    return digest.hexdigest()
