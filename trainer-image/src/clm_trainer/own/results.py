"""What a user's function returned, taken over as arrays or refused with what to do."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clm_trainer.panel import Floats

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
TAKEN = ("score", "volatility", "comovement")
"""Names that the monitor of drift gives to columns of its own."""


class WrongResultError(Exception):
    """A function returned something that is no features; the message says what to return."""


def names_in(result: Any) -> tuple[str, ...]:
    """Return the names of what a function returned.

    Raises
    ------
    WrongResultError
        It is no frame and no mapping, has no column, or a name that can't be one.
    """
    if not isinstance(result, pd.DataFrame | Mapping):
        kind = type(result).__name__
        raise WrongResultError(
            f"returned {kind}: return a DataFrame, or a mapping from names to arrays"
        )
    names = list(result.columns if isinstance(result, pd.DataFrame) else result)
    if not names:
        raise WrongResultError("returned no column: return at least one feature")
    for name in names:
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            raise WrongResultError(
                f"returned a column named {name!r}: begin with a letter, then letters, digits, "
                "_ . -, at most 64 of them"
            )
        if name in TAKEN:
            raise WrongResultError(f'returned a column named "{name}", which drift has: rename it')
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise WrongResultError(f'returned two columns named "{twice[0]}": rename one')
    return tuple(names)


def taken_over(result: Any, names: tuple[str, ...], index: pd.DatetimeIndex) -> Floats:
    """Return a function's columns in the order of ``names``, shape (bars, features).

    Parameters
    ----------
    index
        That of the frame which the function was given.

    Raises
    ------
    WrongResultError
        Its columns, their lengths, their types or their index are not as they must be.
    """
    found = names_in(result)
    if set(found) != set(names):
        gone, new = sorted(set(names) - set(found)), sorted(set(found) - set(names))
        said = [f"lacks {', '.join(gone)}"] if gone else []
        said += [f"has {', '.join(new)} beside the others"] if new else []
        raise WrongResultError(
            f"returned other columns than on the first call ({' and '.join(said)}): return the "
            "same columns whatever the bars are"
        )
    return np.stack([column_of(result[name], name, index) for name in names], axis=1)


def column_of(values: Any, name: str, index: pd.DatetimeIndex) -> Floats:
    """Return one column of what a function returned, shape (bars,).

    Raises
    ------
    WrongResultError
        Its length, its type or its index is not as it must be.
    """
    if isinstance(values, pd.Series) and not values.index.equals(index):
        raise WrongResultError(
            f'returned "{name}" with another index than that of the bars: keep the index that '
            f"the frame has ({len(index)} open times), or return an array"
        )
    if np.ndim(values) != 1 or len(values) != len(index):
        size = f"{len(values)} values" if np.ndim(values) == 1 else f"shape {np.shape(values)}"
        raise WrongResultError(
            f'returned "{name}" with {size} for {len(index)} bars: return one value for each bar'
        )
    values = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.dtype.kind == "c":
        raise WrongResultError(f'returned "{name}" of type {values.dtype}: return numbers')
    numbers: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers
