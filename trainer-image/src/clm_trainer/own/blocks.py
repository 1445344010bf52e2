"""Scoring in blocks of fixed size, so that a row has the same score alone and among others.

A matrix product of another number of rows is another kernel, which adds in another order: most
rows then differ in their last bits. Here every product has ``BLOCK`` rows, a row's place among
them follows from its time alone, and what is missing is filled with zeros.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats

BLOCK = 256
_EPOCH = pd.Timestamp(0, tz="UTC")


def score_in_blocks(window: Dataset, predict: Callable[[Floats], Floats]) -> Floats:
    """Return the scores of usable rows, shape (bars, symbols); NaN elsewhere.

    Parameters
    ----------
    predict
        From features of shape (BLOCK, features) to scores of shape (BLOCK,); each must follow from
        its own row alone.
    """
    out = np.full(window.usable.shape, np.nan)
    bar = np.asarray((window.times - _EPOCH) // window.timeframe, dtype=np.int64)
    edges = np.flatnonzero(np.diff(bar // BLOCK)) + 1
    for rows in np.split(np.arange(len(window)), edges):
        for column in range(len(window.symbols)):
            some = rows[window.usable[rows, column]]
            if len(some):
                inputs = np.zeros((BLOCK, len(window.names)))
                inputs[bar[some] % BLOCK] = window.features[some, column]
                out[some, column] = predict(inputs)[bar[some] % BLOCK]
    return out
