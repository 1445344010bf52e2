"""The newest positions of the version in production, for whoever follows it."""

import pandas as pd

from clm_api.replay import Contender, ReplayTask, WatchTask
from clm_api.signal import Signal, SymbolPosition
from clm_trainer.monitoring.replay import live_from
from clm_trainer.monitoring.stretch import Track


def newest(track: Track, champion: Contender, task: ReplayTask, watch: WatchTask) -> Signal:
    """Return what the champion decided at the close of the newest bar that all symbols have.

    Its time is as much shorter as that bar is late: a decision on bars that have stopped is not to
    be followed for ever.

    Raises
    ------
    ClmError
        As for ``ServedModel.decided``.
    """
    bar, timeframe = track.panel.times[-1], track.model.timeframe
    decided = bar + timeframe
    late = max(pd.Timestamp(task.slot).floor(timeframe) - decided, pd.Timedelta(0))
    held = zip(track.panel.symbols, _targets(track, champion), strict=True)
    return Signal(
        version=track.version,
        sha256=track.sha256,
        bar=bar.to_pydatetime(),
        decided_at=decided.to_pydatetime(),
        valid_until=(pd.Timestamp(watch.valid_until) - late).to_pydatetime(),
        positions=[SymbolPosition(symbol=symbol, position=at + 0.0) for symbol, at in held],
    )


def _targets(track: Track, champion: Contender) -> list[float]:
    """Return the newest positions, one of each symbol; they were worked out for the figures."""
    start = live_from(track, champion)
    bars = len(track.panel) - track.row(start)
    if bars > 0:
        targets = track.stretch(start, bars).play.targets
    else:
        targets = track.model.decided(track.panel, track.rows).targets
    newest_row: list[float] = targets[-1].tolist()
    return newest_row
