"""What an attempt's files claim, read without the models that wrote them."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import (
    is_bool_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_string_dtype,
)

from clm_api.errors import ClmError
from clm_api.reasons import Reason

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Json = TypeVar("_Json", dict[str, Any], list[Any])
YEAR_S, DAY_S = 365.25 * 86400, 86400.0
FUNDING = "funding.parquet"
NEEDED = (
    "run.json", "predictions.parquet", "equity.parquet", "trades.parquet", "metrics.json",
    "folds.json",
)  # fmt: skip
"""Files without which nothing can be recomputed; ``FUNDING`` is there for perpetuals only."""
_OF_ONE_LENGTH = ("return", "sign")
"""Targets whose labels all look as far ahead as ``horizonBars`` says."""
_Kind = Callable[[Any], bool]
_EVENTS: dict[str, _Kind] = {
    "time": lambda dtype: isinstance(dtype, pd.DatetimeTZDtype),
    "symbol": is_string_dtype,
    "funding_rate": is_float_dtype,
    "mark_price": is_float_dtype,
}
_PREDICTIONS = _EVENTS | {
    "fold": is_integer_dtype,
    "open": is_float_dtype,
    "close": is_float_dtype,
    "gap": is_bool_dtype,
    "position": is_float_dtype,
}


@dataclass(frozen=True)
class Settings:
    """What ``run.json`` says about the evaluation.

    Parameters
    ----------
    spot
        Whether positions can't be negative.
    cost_rate
        Fee and slippage a side, as a fraction of notional.
    trials, sharpe_variance
        Versions judged so far, and the variance of their Sharpe ratios per bar, if known.
    purged_bars
        Bars between training span and test block of each fold, embargo included.
    first_bar
        The first bar of any symbol: training starts there.
    ruined
        Symbols whose sleeve is said to have been lost.
    """

    symbols: tuple[str, ...]
    timeframe: pd.Timedelta
    spot: bool
    cost_rate: float
    trials: int
    sharpe_variance: float | None
    period_days: float
    folds: int
    purged_bars: tuple[int, ...]
    first_bar: pd.Timestamp
    ruined: list[str]

    @property
    def bars_per_year(self) -> float:
        """Number of bars in 365.25 days."""
        return YEAR_S / self.timeframe.total_seconds()

    @property
    def bars_per_day(self) -> float:
        """Number of bars in a day."""
        return DAY_S / self.timeframe.total_seconds()


@dataclass(frozen=True, eq=False)
class Claims:
    """An attempt's files, parsed; nothing in them is believed yet.

    Parameters
    ----------
    funding
        Every funding event: time, symbol, funding_rate, mark_price.
    """

    settings: Settings
    predictions: pd.DataFrame
    funding: pd.DataFrame
    equity: pd.DataFrame
    trades: pd.DataFrame
    metrics: dict[str, Any]
    folds: list[dict[str, Any]]


def read(files: Mapping[str, bytes]) -> Claims:
    """Parse an attempt's files, named as within the attempt.

    Raises
    ------
    ClmError
        ArtifactCorrupt: a file can't be read as what it is named.
    """
    predictions = _frame(files, "predictions.parquet", _PREDICTIONS)
    if FUNDING in files:
        funding = _frame(files, FUNDING, _EVENTS)
        funding = funding.assign(time=funding["time"].dt.round("min"))
    else:
        funding = predictions.loc[predictions["funding_rate"].notna(), list(_EVENTS)]
    return Claims(
        settings=_settings(_json(files, "run.json", dict)),
        predictions=predictions,
        funding=funding,
        equity=_frame(files, "equity.parquet", {}),
        trades=_frame(files, "trades.parquet", {}),
        metrics=_metrics(_json(files, "metrics.json", dict)),
        folds=_folds(_json(files, "folds.json", list)),
    )


def _settings(run: dict[str, Any]) -> Settings:
    try:
        spec, bars = run["spec"], run["data"]["symbols"]
        costs, window = spec["costs"], spec["evaluation"]
        settings = Settings(
            symbols=tuple(spec["data"]["symbols"]),
            timeframe=pd.Timedelta(spec["data"]["timeframe"]),
            spot=spec["data"]["market"] == "spot",
            cost_rate=(costs["feeBps"] + costs["slippageBps"]) / 1e4,
            trials=spec["trials"]["count"],
            sharpe_variance=spec["trials"].get("sharpeVariance"),
            period_days=window["periodDays"],
            folds=window["folds"],
            purged_bars=_purged(run, spec["target"], window),
            first_bar=min(pd.Timestamp(one["first"]) for one in bars),
            ruined=run["ruined"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("run.json", error) from error
    if not settings.symbols or settings.folds < 1 or settings.trials < 1:
        raise _unreadable("run.json", ValueError("symbols, folds and trials can't be none"))
    return settings


def _purged(run: dict[str, Any], target: dict[str, Any], window: dict[str, Any]) -> tuple[int, ...]:
    """Return what lies between spans and blocks; only labels of one length have a rule for it."""
    embargo, folds = int(window["embargoBars"]), int(window["folds"])
    least = int(window["purgeBars"])
    if target.get("kind", "return") in _OF_ONE_LENGTH:
        return (max(least, int(target["horizonBars"]) + 1) + embargo,) * folds
    stated = [max(int(bars), least + embargo) for bars in run["purgedBars"]]
    if len(stated) != folds:
        raise ValueError(f"purgedBars has {len(stated)} entries for {folds} folds")
    return tuple(stated)


def _metrics(report: dict[str, Any]) -> dict[str, Any]:
    if not all(isinstance(report.get(name), dict) for name in ("metrics", "undefined")):
        raise _unreadable("metrics.json", TypeError("no mappings metrics and undefined"))
    return report


def _folds(folds: list[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(fold, dict) for fold in folds):
        raise _unreadable("folds.json", TypeError("a fold is no mapping"))
    return folds


def _json(files: Mapping[str, bytes], name: str, shape: type[_Json]) -> _Json:
    try:
        content = json.loads(files[name])
    except ValueError as error:
        raise _unreadable(name, error) from error
    if not isinstance(content, shape):
        raise _unreadable(name, TypeError(f"{type(content).__name__} instead of {shape.__name__}"))
    return content


def _frame(files: Mapping[str, bytes], name: str, columns: Mapping[str, _Kind]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(io.BytesIO(files[name]))
    except (ValueError, OSError) as error:
        raise _unreadable(name, error) from error
    for column, fits in columns.items():
        if column not in frame:
            raise _unreadable(name, KeyError(f"no column {column}"))
        if not fits(frame[column].dtype):
            raise _unreadable(name, TypeError(f"column {column} is {frame[column].dtype}"))
    return frame


def _unreadable(name: str, error: Exception) -> ClmError:
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ClmError(Reason.ARTIFACT_CORRUPT, f"{name} can't be read: {said}"[:500])
