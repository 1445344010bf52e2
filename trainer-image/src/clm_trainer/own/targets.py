"""What a user writes to have a target of one's own: a function, and how far its labels look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.features.windowed import Frames, Window, window_of
from clm_trainer.own.features import drawn_bars, require_fetched
from clm_trainer.own.functions import Function, FunctionOffer, NoParams
from clm_trainer.own.results import WrongResultError, column_of
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets.base import Ints, Labels, Target

FIELD = "spec.target.kind"
MOST_BARS = 100_000
"""Furthest that labels may look."""
_TRIAL_BARS = 256
Horizon = int | Callable[[Any], int]
TargetOffer = FunctionOffer[Target]
"""A target of one's own."""


def target(
    *,
    horizon_bars: Horizon | None = None,
    params: type[BaseModel] = NoParams,
    columns: Sequence[str] = (),
) -> Callable[[Function], TargetOffer]:
    """Make a target of a function of one symbol's bars.

    The function is given a frame of its own and the parameters, and returns one label for each
    bar; NaN where there is none. Without ``horizon_bars`` it returns labels and ends: for each bar
    the row of the last bar that decides its label, counted from the frame's first row. The frame
    is that of an own feature set, with the column sigma beside: the volatility of log returns per
    bar. A decision at a bar's close is filled at the next bar's open.

    Parameters
    ----------
    horizon_bars
        How many bars after a bar decide its label; or what returns that from parameters.
    params
        The model of the parameters in ``spec.target.params``.
    columns
        Columns of ``spec.data.columns``, and ``SERIES.COLUMN`` of ``spec.data.series``.
    """
    return _decorator(horizon_bars, params, tuple(columns), together=False)


def panel_target(
    *,
    horizon_bars: Horizon | None = None,
    params: type[BaseModel] = NoParams,
    columns: Sequence[str] = (),
) -> Callable[[Function], TargetOffer]:
    """Make a target of a function of all symbols' bars.

    As ``target``, but the function is given a frame for each symbol, all with the same index, and
    returns what it makes of each symbol by its name.
    """
    return _decorator(horizon_bars, params, tuple(columns), together=True)


def _decorator(
    horizon_bars: Horizon | None,
    params: type[BaseModel],
    columns: tuple[str, ...],
    *,
    together: bool,
) -> Callable[[Function], TargetOffer]:
    def decorate(function: Function) -> TargetOffer:
        def make(given: BaseModel, run: RunSpec) -> Target:
            name = run.target.kind
            require_fetched(name, columns, run)
            horizon = _declared(name, horizon_bars, given)
            made = OwnTarget(name, function, given, horizon, columns, together=together)
            made.require_works(run)
            return made

        return FunctionOffer(params, make, function)

    return decorate


def _declared(name: str, horizon_bars: Horizon | None, given: BaseModel) -> int | None:
    horizon = horizon_bars(given) if callable(horizon_bars) else horizon_bars
    if horizon is None:
        return None
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer):
        raise SpecError(FIELD, f'"{name}" declares horizon_bars {horizon!r}: declare a number')
    if not 0 <= horizon <= MOST_BARS:
        raise SpecError(
            FIELD, f'"{name}" declares horizon_bars {horizon}: declare 0 to {MOST_BARS}'
        )
    return int(horizon)


@dataclass(frozen=True)
class OwnTarget:
    """A user's function with its parameters: what it returns is checked on each call.

    Parameters
    ----------
    horizon_bars
        How far every label looks; None: the function says it of each.
    """

    name: str
    function: Function
    given: BaseModel
    horizon_bars: int | None
    columns: tuple[str, ...]
    together: bool

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        """Return the labels; those that end after the last bar are not known yet.

        Where the next bar is missing there is none: nothing could be filled at its open.

        Raises
        ------
        ClmError
            SpecInvalid: the function returns what is no labels. TrainingFailed: it raises.
        """
        place = f"on bars from {panel.times[0]} to {panel.times[-1]}"
        try:
            nothing = np.full(len(panel.symbols), np.nan)
            return self._labels(window_of(panel, self.columns, nothing), sigma)
        except WrongResultError as error:
            raise SpecError(FIELD, f'"{self.name}" {error} ({place})') from error
        except Exception as error:
            raise ClmError(
                Reason.TRAINING_FAILED,
                f'target "{self.name}" raises {place}: {type(error).__name__}: {error}; mend it, '
                "and try it at home on these bars",
            ) from error

    def require_works(self, run: RunSpec) -> None:
        """Call the function on drawn bars.

        Raises
        ------
        SpecError
            It raises, or returns what is no labels.
        """
        bars = drawn_bars(run, (self.horizon_bars or 0) + _TRIAL_BARS, self.columns)
        try:
            self._labels(bars, np.full((len(bars), len(bars.symbols)), 0.01))
        except WrongResultError as error:
            raise SpecError(FIELD, f'"{self.name}" {error} (on drawn bars)') from error
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise SpecError(FIELD, f'"{self.name}" raises on drawn bars: {said}') from error

    def _labels(self, bars: Window, sigma: Floats) -> Labels:
        window = replace(bars, columns={**bars.columns, "sigma": sigma})
        count, first = len(window), window.first
        values = np.full(sigma.shape, np.nan)
        horizon = self.horizon_bars or 0
        ends = np.arange(count)[:, None] + np.full(sigma.shape, horizon)
        # A function of all symbols sees them all, whichever has bars yet.
        begin = np.full_like(first, first.min()) if self.together else first
        # No label of a frame that is no longer than the horizon has ended.
        start = {i: int(row) for i, row in enumerate(begin) if row + horizon < count}
        frames = {window.symbols[i]: window.frame(i, row) for i, row in start.items()}
        for symbol, result in self._results(frames).items():
            column = window.symbols.index(symbol)
            row = start[column]
            made, own_ends = self._taken_over(result, pd.DatetimeIndex(frames[symbol].index))
            own_ends = own_ends + row
            values[row:, column] = np.where(own_ends < count, made, np.nan)
            ends[row:, column] = own_ends
        rows = np.arange(count)[:, None]
        before = rows < first
        # Where the next bar is missing, nothing is filled at its open.
        unfilled = np.zeros_like(before)
        unfilled[:-1] = window.columns["gap"][1:] > 0
        unknown = before | (unfilled & (ends > rows))
        return Labels(np.where(unknown, np.nan, values), np.where(before, rows, ends))

    def _results(self, frames: Frames) -> Mapping[str, Any]:
        if not self.together:
            return {name: self.function(frame, self.given) for name, frame in frames.items()}
        results = self.function(dict(frames), self.given) if frames else {}
        if not isinstance(results, Mapping) or set(results) != set(frames):
            raise WrongResultError(
                "is a target of the whole panel and returned no mapping from each symbol to its "
                f"labels: return {{symbol: labels}} for {', '.join(frames)}"
            )
        return results

    def _taken_over(self, result: Any, index: pd.DatetimeIndex) -> tuple[Floats, Ints]:
        rows = np.arange(len(index), dtype=np.int64)
        if self.horizon_bars is not None:
            if isinstance(result, tuple):
                raise WrongResultError(
                    "declares horizon_bars and returned ends too: leave out one of the two"
                )
            return column_of(result, "labels", index), rows + self.horizon_bars
        if not isinstance(result, tuple) or len(result) != 2:
            raise WrongResultError(
                "declares no horizon_bars and returned no pair: return labels, ends"
            )
        labels, ends = (
            column_of(part, name, index)
            for part, name in zip(result, ("labels", "ends"), strict=True)
        )
        known = np.where(np.isnan(labels) & np.isnan(ends), rows, ends)
        if not (np.isfinite(known) & (known == np.floor(known))).all():
            raise WrongResultError(
                'returned "ends" that are not whole numbers: return the row of the last bar that '
                "decides each label"
            )
        return labels, known.astype(np.int64)
