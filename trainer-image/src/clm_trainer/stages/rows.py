"""A run's rows: features in blocks of bars, of which only those stay that somebody reads."""

from dataclasses import dataclass, replace

import numpy as np

from clm_api.run import RunSpec
from clm_trainer.evaluation.splits import Walk
from clm_trainer.families.base import Dataset, Reads
from clm_trainer.features import FeatureSet, FeatureTable, TableStream
from clm_trainer.features.base import Saved
from clm_trainer.features.basis import BasisStream
from clm_trainer.features.table import BLOCK_BARS
from clm_trainer.kept import Keeper, Kept
from clm_trainer.monitoring.drift_reference import reference_sample
from clm_trainer.panel import Bools, Floats, Panel
from clm_trainer.stages.train import walk_of
from clm_trainer.targets import Target
from clm_trainer.targets.settled import require_settled

CUTS = 3
"""Places in the evaluation window at which the bars are cut off, spread evenly."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A block of bars, as it was computed, and the state that it was computed from.

    Parameters
    ----------
    start
        First bar of the block.
    cut
        A bar in the block: those before it must not depend on it, or on later ones.
    saved
        The state of the feature set before the block.
    table
        The block's rows up to ``cut``.
    """

    start: int
    cut: int
    saved: Saved
    table: FeatureTable


@dataclass(frozen=True, eq=False)
class Made:
    """What a run is made of.

    Parameters
    ----------
    rows
        All bars, with the features that the family reads.
    compared
        Features of the bars with which later ones are compared; in float32 where they are a
        sample of a long history, whose quantiles are rougher than that.
    reads
        What the family said that it reads.
    probes
        Where the features are made again, of fewer bars.
    after
        The state of the features after the last bar.
    """

    rows: Dataset
    compared: Kept
    reads: Reads
    probes: tuple[Probe, ...]
    after: Saved

    @property
    def drift_rows(self) -> Dataset:
        """The rows that a score is needed of for later looks at drift."""
        if not self.reads.alone:
            return self.rows
        scored = self.rows.usable & (self.compared.place >= 0)
        return replace(self.rows, features=self.compared, usable=scored)


def made_of(
    panel: Panel, spec: RunSpec, target: Target, features: FeatureSet, reads: Reads
) -> Made:
    """Return the rows of a run.

    Raises
    ------
    ClmError
        InsufficientData; MetricsRejected: a label looks further ahead than it says.
    """
    sigma, log_close = _basis(panel)
    labels = target.labels(panel, sigma)
    require_settled(target, spec.target.kind, panel, sigma, labels)
    walk = walk_of(panel, labels, spec, features.warm_up_bars)
    keeper = Keeper(_read(panel, walk, reads), len(features.names), single=reads.single)
    chosen = np.zeros(len(panel), dtype=np.bool_)
    chosen[reference_sample(len(panel), len(panel.symbols)).bars] = True
    sampled = not chosen.all()
    compared = Keeper(_all_symbols(chosen, panel), len(features.names), single=sampled)
    usable, probes = np.empty(panel.gap.shape, dtype=np.bool_), list[Probe]()
    stream = TableStream(features, panel.symbols, panel.timeframe)
    for start in range(0, len(panel), BLOCK_BARS):
        stop = min(start + BLOCK_BARS, len(panel))
        cuts = [cut for cut in cuts_of(walk) if start < cut < stop]
        saved = stream.save() if cuts else {}
        table = stream.advance(panel.window(start, stop))
        usable[start:stop] = table.usable
        for kept in (keeper, compared):
            kept.take(start, table.values, table.usable)
        probes += [Probe(start, cut, saved, _until(table, cut - start)) for cut in cuts]
    rows = Dataset(
        times=panel.times,
        timeframe=panel.timeframe,
        symbols=panel.symbols,
        names=features.names,
        features=keeper.kept(),
        target=labels.values,
        ends=labels.ends,
        sigma=sigma,
        usable=usable,
        open=panel.open,
        log_close=log_close,
        observed=features.observed,
    )
    return Made(rows, compared.kept(), reads, tuple(probes), stream.save())


def cuts_of(walk: Walk) -> list[int]:
    """Return where the bars are cut off: in the evaluation window, and inside of blocks."""
    start, stop = walk.window
    cuts = [start + (stop - start) * (k + 1) // (CUTS + 1) for k in range(CUTS)]
    return [cut + 1 if cut % BLOCK_BARS == 0 else cut for cut in cuts]


def _basis(panel: Panel) -> tuple[Floats, Floats]:
    """Return the volatility and the carried log closes of all bars."""
    sigma, log_close = np.empty(panel.gap.shape), np.empty(panel.gap.shape)
    stream = BasisStream(len(panel.symbols))
    for start in range(0, len(panel), BLOCK_BARS):
        block = slice(start, start + BLOCK_BARS)
        made = stream.advance(panel.window(start, start + BLOCK_BARS))
        sigma[block], log_close[block] = made.sigma, made.log_close
    return sigma, log_close


def _read(panel: Panel, walk: Walk, reads: Reads) -> Bools:
    """Return the rows whose features the family reads, to learn from them or to score them."""
    bars = np.arange(len(panel))
    first = min(span.calibration[0] for span in (*walk.folds, walk.final))
    if not reads.alone:
        wanted = np.ones(len(panel), dtype=np.bool_)
    elif reads.stride is None:
        wanted = np.zeros(len(panel), dtype=np.bool_)
    else:
        wanted = (bars >= first) | ((bars - walk.final.fit[0]) % reads.stride == 0)
    return _all_symbols(wanted, panel)


def _all_symbols(bars: Bools, panel: Panel) -> Bools:
    rows: Bools = np.broadcast_to(bars[:, None], panel.gap.shape)
    return rows


def _until(table: FeatureTable, bars: int) -> FeatureTable:
    """Return a table's first rows, as arrays of their own."""
    return FeatureTable(
        table.names,
        table.values[:bars].copy(),
        table.sigma[:bars].copy(),
        table.usable[:bars].copy(),
        table.log_close[:bars].copy(),
    )
