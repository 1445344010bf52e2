"""A version's figures from one time to the newest bar, as the report has them."""

from typing import Any

import pandas as pd

from clm_api.replay import Contender, Replay
from clm_trainer.monitoring.stretch import Track


def facts(track: Track, start: pd.Timestamp) -> dict[str, Any]:
    """Return the fields of a ``Replay`` that begins with the bar at ``start``.

    There may be no bar yet; then there is no metric either, and ``to`` lies before ``from_``.

    Raises
    ------
    ClmError
        MetricsRejected, InsufficientData.
    """
    bars = max(0, len(track.panel) - track.row(start))
    scores = track.stretch(start, bars).scores() if bars else None
    return {
        "version": track.version,
        "sha256": track.sha256,
        "from_": start,
        "to": start + (bars - 1) * track.model.timeframe,
        "bars": bars,
        "metrics": scores.metrics if scores else {},
        "undefined": scores.undefined if scores else {},
    }


def live(track: Track, champion: Contender) -> Replay:
    """Return what the champion did since it came into production.

    Raises
    ------
    ClmError
        MetricsRejected, InsufficientData.
    """
    return Replay(**facts(track, live_from(track, champion)))


def live_from(track: Track, champion: Contender) -> pd.Timestamp:
    """Return the open time of the first bar that counts since the champion's promotion."""
    promoted = pd.Timestamp(champion.since).floor(track.model.timeframe)
    return max(promoted, track.first)
