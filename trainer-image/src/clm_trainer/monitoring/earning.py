"""The champion's live results held against what its backtest promised: files in, finding out."""

import numpy as np

from clm_api.performance import PerformanceFinding
from clm_api.replay import Contender, WatchTask
from clm_trainer.monitoring.performance import LiveResults, found
from clm_trainer.monitoring.promise import promise_of
from clm_trainer.monitoring.replay import live_from
from clm_trainer.monitoring.stretch import Track


def earning(track: Track, champion: Contender, watch: WatchTask) -> PerformanceFinding:
    """Return what its results since the promotion say.

    Raises
    ------
    ClmError
        ArtifactCorrupt: its backtest can't be read. InsufficientData. StorageDenied,
        StorageUnavailable.
    """
    spec = track.model.spec
    return found(
        track.version,
        live_results(track, champion),
        promise_of(champion, spec.trials),
        max_drawdown=watch.max_drawdown,
        horizon_bars=spec.target.horizon_bars,
        seed=spec.model.seed,
    )


def live_results(track: Track, champion: Contender) -> LiveResults:
    """Return what the champion earned since its promotion; there may be no bar yet."""
    start = live_from(track, champion)
    bars = max(0, len(track.panel) - track.row(start))
    if not bars:
        return LiveResults(start, track.model.timeframe, np.empty(0), np.empty(0))
    made = track.stretch(start, bars)
    equity = made.result.equity["equity"].to_numpy(np.float64)
    return LiveResults(start, track.model.timeframe, equity, made.returns)
