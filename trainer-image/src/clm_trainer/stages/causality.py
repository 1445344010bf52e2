"""The truncation test inside every run: cheap, on a sample of bars, fatal where it fails."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from clm_trainer.evaluation.lookahead import require_same
from clm_trainer.families.base import Dataset
from clm_trainer.features import FeatureSet, TableStream
from clm_trainer.panel import Panel
from clm_trainer.stages.rows import Probe, cuts_of
from clm_trainer.stages.train import Trained


def require_causal_features(panel: Panel, features: FeatureSet, probes: Iterable[Probe]) -> None:
    """Make some blocks of features again, of bars that end inside the block.

    A feature set is never given bars after a block, so it can look ahead within a block alone: by
    fewer bars than a block has, some row before the cut then uses a bar after it.

    Raises
    ------
    ClmError
        MetricsRejected: a feature, the volatility or a row's use changes when later bars are
        removed.
    """
    for probe in probes:
        stream = TableStream.resume(features, panel.symbols, panel.timeframe, probe.saved)
        known, all_of = stream.advance(panel.window(probe.start, probe.cut)), probe.table
        for one, other in (
            (all_of.values, known.values),
            (all_of.sigma, known.sigma),
            (all_of.log_close, known.log_close),
            (all_of.usable.astype(np.float64), known.usable.astype(np.float64)),
        ):
            require_same(one, other, panel.times, probe.cut, probe.start)


def require_causal_signals(panel: Panel, rows: Dataset, trained: Trained) -> None:
    """Compare the artifact's signals in the evaluation window with those of a shorter history.

    Raises
    ------
    ClmError
        MetricsRejected: a signal at some bar changes when later bars are removed.
    """
    start, stop = trained.walk.window
    everything = trained.model.score(rows.rows(start, stop))
    for cut in cuts_of(trained.walk):
        known = rows.rows(start, cut)
        unlabelled = np.full_like(known.target, np.nan)
        ends = np.broadcast_to(np.arange(len(known))[:, None], known.target.shape)
        signals = trained.model.score(replace(known, target=unlabelled, ends=ends))
        require_same(everything[: cut - start], signals, panel.times, cut, start)
