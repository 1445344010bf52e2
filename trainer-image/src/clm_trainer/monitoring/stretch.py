"""What a published version did on a stretch of bars after its training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.scores import Scores, score_of
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.model import ServedModel
from clm_trainer.stages.funding import dues


@dataclass(frozen=True, eq=False)
class Track:
    """A version and the bars that it is replayed on.

    Parameters
    ----------
    version
        Name of the ModelVersion.
    sha256
        Digest of its manifest.
    panel
        All bars from ``model.data_from`` on.
    events
        The funding since its training; None where none is charged.
    every
        The panel and the newest bars that some symbol lacks; None where all symbols have all.
    ends
        The newest stored bar of each symbol.
    """

    version: str
    sha256: str
    model: ServedModel
    panel: Panel
    events: pd.DataFrame | None = None
    every: Panel | None = None
    ends: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    _made: "dict[tuple[pd.Timestamp, int], Stretch]" = field(default_factory=dict, init=False)

    @property
    def first(self) -> pd.Timestamp:
        """Open time of the first bar after the training."""
        return self.model.trained_until + self.model.timeframe

    def row(self, time: pd.Timestamp) -> int:
        """Return the row of a bar of the panel, or the one that it would have."""
        return int((time - self.panel.times[0]) // self.model.timeframe)

    @cached_property
    def rows(self) -> Dataset:
        """All rows of the panel."""
        return self.model.rows(self.panel)

    def stretch(self, start: pd.Timestamp, bars: int) -> "Stretch":
        """Return what the version did on some bars: nothing after the last of them is known to it.

        It decides since its training, and is backtested from flat: row 0 holds nothing. What was
        asked for once is kept.

        Parameters
        ----------
        start
            Open time of the first bar, not before ``first``.
        bars
            At least 1; the panel has that many.

        Raises
        ------
        ClmError
            InsufficientData: as for ``ServedModel.decide``.
        """
        if (start, bars) not in self._made:
            self._made[start, bars] = self._stretch(start, bars)
        return self._made[start, bars]

    def _stretch(self, start: pd.Timestamp, bars: int) -> "Stretch":
        begin = self.row(start)
        known = self.panel.window(0, begin + bars)
        window = known.window(begin, len(known))
        rows = self.rows if len(known) == len(self.panel) else self.model.rows(known)
        targets = self.model.decided(known, rows).targets[-bars:]
        funding = None if self.events is None else dues(self.events, window)
        return Stretch(Play(window, targets, self.model.spec.cost_bps, funding))


@dataclass(frozen=True, eq=False)
class Stretch:
    """One backtest."""

    play: Play

    @cached_property
    def result(self) -> Backtest:
        """Equity and trades."""
        return backtest.run(self.play)

    @property
    def returns(self) -> Floats:
        """Net returns, shape (bars,)."""
        net: Floats = self.result.equity["net_return"].to_numpy()
        return net

    def scores(self) -> Scores:
        """Return all metrics, as of a first trial.

        Raises
        ------
        ClmError
            MetricsRejected: a metric is not a finite number.
        """
        return score_of(self.result, RunTrials())
