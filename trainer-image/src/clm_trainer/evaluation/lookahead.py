"""The truncation test: what is known at bar t must not change when later bars are removed."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Floats, Panel


def require_causal(build: Callable[[Panel], Floats], panel: Panel, cuts: Iterable[int]) -> None:
    """Compare what is built from all bars with what is built from the first bars only.

    Parameters
    ----------
    build
        Features or signals of a panel; the first axis is bars.
    cuts
        Numbers of bars that are kept, each a comparison of its own.

    Raises
    ------
    ClmError
        MetricsRejected: a value at some bar depends on a later one, bit for bit.
    """
    everything = build(panel)
    for cut in cuts:
        require_same(everything[:cut], build(panel.window(0, cut)), panel.times, cut)


def require_same(
    everything: Floats, known: Floats, times: pd.DatetimeIndex, cut: int, start: int = 0
) -> None:
    """Compare values of bars before a cut: of all bars, and of the bars before the cut alone.

    Parameters
    ----------
    everything, known
        Shape (bars, …), of the bars [start, cut).

    Raises
    ------
    ClmError
        MetricsRejected: a value differs, bit for bit.
    """
    same = (known == everything) | (np.isnan(known) & np.isnan(everything))
    if not same.all():
        row, *where = (int(i) for i in np.argwhere(~same)[0])
        raise ClmError(
            Reason.METRICS_REJECTED,
            f"look-ahead: the value at {times[start + row]} (place {where}) changes when bars "
            f"from {times[cut]} on are removed, so it uses the future",
        )
