"""What a model decided on some bars."""

from dataclasses import dataclass

import pandas as pd

from clm_trainer.panel import Floats


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a model decided at each close.

    Parameters
    ----------
    times
        Open times of the decided bars, the newest last.
    percentiles
        The model's signal, shape (bars, symbols); NaN where a bar is not usable.
    targets
        Position to hold from the next open on, as a fraction of the symbol's sleeve, same shape.
    """

    times: pd.DatetimeIndex
    symbols: tuple[str, ...]
    percentiles: Floats
    targets: Floats
