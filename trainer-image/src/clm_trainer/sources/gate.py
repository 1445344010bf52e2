"""The quality gate: what bars lack, what looks odd, and whether they can be trained on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.ledger import Span

FRESH_BARS = 3
_SPIKE_SIGMAS = 20.0
_SHOWN = 5


@dataclass(frozen=True)
class Hole:
    """Missing bars in a row.

    Parameters
    ----------
    start
        Open time of the first of them.
    """

    start: pd.Timestamp
    bars: int


def holes(times: pd.DatetimeIndex, step: pd.Timedelta) -> list[Hole]:
    """Return the holes between bars."""
    distance = (times[1:] - times[:-1]) // step
    found = np.flatnonzero(distance > 1)
    return [Hole(times[int(i)] + step, int(distance[int(i)]) - 1) for i in found]


def holes_until(times: pd.DatetimeIndex, step: pd.Timedelta, stop: pd.Timestamp) -> list[Hole]:
    """Return the holes up to the end of a range; before the first bar there is none."""
    tail = int((stop - times[-1]) // step) - 1
    found = holes(times, step)
    return [*found, Hole(times[-1] + step, tail)] if tail > 0 else found


def spikes(times: pd.DatetimeIndex, close: pd.Series, step: pd.Timedelta) -> list[pd.Timestamp]:
    """Return the bars that moved more than 20 robust sigmas and back: told, never repaired.

    A move across a hole is no bar's move.
    """
    if len(close) < 4:
        return []
    change = np.diff(np.log(close.to_numpy()))
    alone = np.asarray((times[1:] - times[:-1]) == step)
    scale = 1.4826 * float(np.median(np.abs(change - np.median(change))))
    if scale == 0:
        return []
    big = np.abs(change[:-1]) > _SPIKE_SIGMAS * scale
    back = np.abs(change[:-1] + change[1:]) < np.abs(change[:-1]) / 2
    found = np.flatnonzero(big & back & alone[:-1] & alone[1:]) + 1
    return list(times[found])


def fresh(newest: pd.Timestamp | None, stop: pd.Timestamp, step: pd.Timedelta) -> bool:
    """Whether the newest closed bar is at most three bars older than the range's last one."""
    return newest is not None and bool(stop - newest <= (FRESH_BARS + 1) * step)


def require(
    times: pd.DatetimeIndex, key: BarKey, span: Span, max_gap_bars: int, *, any_age: bool
) -> None:
    """Refuse bars that can't be trained on.

    Parameters
    ----------
    any_age
        Whether the newest bar may be old.

    Raises
    ------
    ClmError
        DataUnavailable: there are none, or none fresh enough. DataGap: a hole is too long.
    """
    if len(times) == 0:
        text = (
            f"no bars of {key} between {span.start:%Y-%m-%d %H:%M} and {span.stop:%Y-%m-%d %H:%M}:"
            " was it listed later? import bars with `clm data import`, or choose another symbol"
        )
        raise ClmError(Reason.DATA_UNAVAILABLE, text)
    if not any_age and not fresh(times[-1], span.stop, key.step):
        text = (
            f"the newest bar of {key} is of {times[-1]:%Y-%m-%d %H:%M}, more than {FRESH_BARS} bars"
            f" before {span.stop:%Y-%m-%d %H:%M}: is it still traded? if not, remove it from "
            "spec.data.symbols, and the other symbols go on"
        )
        raise ClmError(Reason.DATA_UNAVAILABLE, text)
    long = [hole for hole in holes_until(times, key.step, span.stop) if hole.bars > max_gap_bars]
    if long:
        raise ClmError(
            Reason.DATA_GAP,
            f"{key}: {described(long)}; longer than spec.data.maxGapBars ({max_gap_bars}): import "
            "the missing bars with `clm data import`, or raise the limit",
        )


def described(found: list[Hole]) -> str:
    """Return the longest holes as text."""
    longest = sorted(found, key=lambda hole: -hole.bars)
    shown = ", ".join(f"{h.bars} bar(s) from {h.start:%Y-%m-%d %H:%M}" for h in longest[:_SHOWN])
    return shown if len(longest) <= _SHOWN else f"{shown} and {len(longest) - _SHOWN} more"
