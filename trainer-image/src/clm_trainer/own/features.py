"""What a user writes to have features of one's own: a function, and how far it looks back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from clm_api.data_spec import MarketColumn
from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.features.combined import CombinedSet
from clm_trainer.features.windowed import PRICES, Frames, Window, WindowedSet
from clm_trainer.own.door import made
from clm_trainer.own.functions import Function, FunctionOffer, NoParams
from clm_trainer.own.results import WrongResultError, names_in, taken_over
from clm_trainer.panel import Floats

FIELD = "spec.model.features"
MOST_BARS = 100_000
"""Longest look-back."""
_TRIAL_BARS = 64
Lookback = int | Callable[[Any], int]
FeaturesOffer = FunctionOffer[FeatureSet]
"""A feature set of one's own."""


def features(
    *,
    lookback_bars: Lookback,
    params: type[BaseModel] = NoParams,
    columns: Sequence[str] = (),
    extends: Literal["standard"] | None = None,
) -> Callable[[Function], FeaturesOffer]:
    """Make a feature set of a function of one symbol's bars.

    The function is given a frame of its own and the parameters, and returns a frame or a mapping
    from names to arrays: one number for each bar, which depends on that bar and the
    ``lookback_bars`` before it. The frame's index has the open times (UTC); its columns are open,
    high, low, close, volume, gap, and those that ``columns`` names. Where ``gap`` is true there
    was no bar: the prices are the last close, and the volume is 0.

    Parameters
    ----------
    lookback_bars
        How many bars before a bar its features depend on; or what returns that from parameters.
    params
        The model of the parameters in ``spec.model.features.params``.
    columns
        Columns of ``spec.data.columns``, and ``SERIES.COLUMN`` of ``spec.data.series``.
    extends
        ``standard`` puts CLM's own features before these.
    """
    return _decorator(lookback_bars, params, tuple(columns), extends, together=False)


def panel_features(
    *,
    lookback_bars: Lookback,
    params: type[BaseModel] = NoParams,
    columns: Sequence[str] = (),
    extends: Literal["standard"] | None = None,
) -> Callable[[Function], FeaturesOffer]:
    """Make a feature set of a function of all symbols' bars.

    As ``features``, but the function is given a frame for each symbol, all with the same index,
    and returns the features of each symbol by its name. Before a symbol's first bar its frame is
    NaN.
    """
    return _decorator(lookback_bars, params, tuple(columns), extends, together=True)


def _decorator(
    lookback_bars: Lookback,
    params: type[BaseModel],
    columns: tuple[str, ...],
    extends: str | None,
    *,
    together: bool,
) -> Callable[[Function], FeaturesOffer]:
    def decorate(function: Function) -> FeaturesOffer:
        def make(given: BaseModel, run: RunSpec) -> FeatureSet:
            own = _made(function, given, run, (lookback_bars, columns), together=together)
            if extends is None:
                return own
            below: FeatureSet = made("clm.features", extends, {}, run, FIELD)
            twice = [name for name in own.names if name in below.names]
            if twice:
                raise SpecError(
                    FIELD, f'"{own.name}" has "{twice[0]}", and so has "{extends}": rename it'
                )
            return CombinedSet((below, own))

        return FunctionOffer(params, make, function)

    return decorate


def _made(
    function: Function,
    given: BaseModel,
    run: RunSpec,
    declared: tuple[Lookback, tuple[str, ...]],
    *,
    together: bool,
) -> WindowedSet:
    name, (lookback_bars, columns) = run.model.features.set_, declared
    require_fetched(name, columns, run)
    lookback = lookback_bars(given) if callable(lookback_bars) else lookback_bars
    if isinstance(lookback, bool) or not isinstance(lookback, int | np.integer):
        raise SpecError(FIELD, f'"{name}" declares lookback_bars {lookback!r}: declare a number')
    if not 0 <= lookback <= MOST_BARS:
        raise SpecError(
            FIELD, f'"{name}" declares lookback_bars {lookback}: declare 0 to {MOST_BARS}'
        )
    call = _Call(name, function, given, together=together)
    trial = drawn_bars(run, int(lookback) + _TRIAL_BARS, columns)
    return WindowedSet(name, call.names(trial), int(lookback), columns, call, together=together)


def require_fetched(name: str, columns: tuple[str, ...], run: RunSpec) -> None:
    """Check that a run has what own code asks for beside the bars.

    Raises
    ------
    SpecError
        A column of the market or of a series is not in ``spec.data``.
    """
    series = {f"{one.name}.{column}" for one in run.data.series for column in one.columns}
    fetched = {column.value for column in run.data.columns} | series
    for column in columns:
        if column in fetched:
            continue
        if column in set(MarketColumn):
            raise SpecError("spec.data.columns", f'"{name}" asks for {column}: add it')
        series_name, dot, wanted = column.partition(".")
        if dot:
            raise SpecError(
                "spec.data.series",
                f'"{name}" asks for {column}: add series {series_name} with column {wanted}',
            )
        raise SpecError(
            FIELD,
            f'"{name}" asks for {column}, which is none of {", ".join(MarketColumn)}, '
            "and no SERIES.COLUMN",
        )


class _Call:
    """A user's function with its parameters: what it returns is checked on each call."""

    def __init__(self, name: str, function: Function, given: BaseModel, *, together: bool) -> None:
        self._name, self._function, self._given = name, function, given
        self._together, self._names = together, tuple[str, ...]()

    def names(self, trial: Window) -> tuple[str, ...]:
        """Return the names of the features, from a call on drawn bars.

        Raises
        ------
        SpecError
            It raises, or returns what is no features.
        """
        frames = {name: trial.frame(i) for i, name in enumerate(trial.symbols)}
        try:
            results = self._results(frames)
            self._names = names_in(next(iter(results.values())))
            self._taken_over(results, trial.times)
        except WrongResultError as error:
            raise SpecError(FIELD, f'"{self._name}" {error} (on drawn bars)') from error
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise SpecError(FIELD, f'"{self._name}" raises on drawn bars: {said}') from error
        return self._names

    def __call__(self, frames: Frames) -> Mapping[str, Floats]:
        """Return the features of frames by symbol, each of shape (bars, features).

        Raises
        ------
        ClmError
            SpecInvalid: it returns what is no features. TrainingFailed: it raises.
        """
        index = pd.DatetimeIndex(next(iter(frames.values())).index)
        place = f"on bars of {', '.join(frames)} from {index[0]} to {index[-1]}"
        try:
            return self._taken_over(self._results(frames), index)
        except WrongResultError as error:
            raise SpecError(FIELD, f'"{self._name}" {error} ({place})') from error
        except Exception as error:
            raise ClmError(
                Reason.TRAINING_FAILED,
                f'feature set "{self._name}" raises {place}: {type(error).__name__}: {error}; '
                "mend it, and try it at home on these bars",
            ) from error

    def _taken_over(
        self, results: Mapping[str, Any], index: pd.DatetimeIndex
    ) -> Mapping[str, Floats]:
        return {name: taken_over(one, self._names, index) for name, one in results.items()}

    def _results(self, frames: Frames) -> Mapping[str, Any]:
        if not self._together:
            return {name: self._function(frame, self._given) for name, frame in frames.items()}
        results = self._function(dict(frames), self._given)
        if not isinstance(results, Mapping) or set(results) != set(frames):
            raise WrongResultError(
                "is a set of the whole panel and returned no mapping from each symbol to its "
                f"features: return {{symbol: frame}} for {', '.join(frames)}"
            )
        return results


def drawn_bars(run: RunSpec, bars: int, columns: tuple[str, ...]) -> Window:
    """Return a random walk of the run's symbols, for a first call."""
    symbols, step = tuple(run.data.symbols), pd.Timedelta(run.data.timeframe)
    draw = np.random.default_rng(0)
    shape = (bars, len(symbols))
    close = 100 * np.exp(np.cumsum(0.01 * draw.standard_normal(shape), axis=0))
    open_ = np.concatenate([close[:1], close[:-1]])
    edge = 1 + 0.005 * draw.random(shape)
    high, low = np.maximum(open_, close) * edge, np.minimum(open_, close) / edge
    made = dict(zip(PRICES, (open_, high, low, close), strict=True))
    made |= {"volume": 1 + draw.random(shape), "gap": np.zeros(shape)}
    made |= {name: draw.random(shape) for name in columns}
    times = pd.date_range("2024-01-01", periods=bars, freq=step, tz="UTC").as_unit("us")
    return Window(times, symbols, made)
