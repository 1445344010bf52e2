"""Which values a metric can have: what lies outside was never measured, and is not believed."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from clm_api.base import Rounded

WIDEST = 1e12
"""No figure of CLM's is larger: money, bars, days and ratios all stay far below."""
SHARPE_WIDEST = 1e4
"""An annualised Sharpe ratio that no series of returns has."""
_SHARE = (0.0, 1.0)
_SHARPE = (-SHARPE_WIDEST, SHARPE_WIDEST)
_POSITIVE = (0.0, WIDEST)
BOUNDS: Mapping[str, tuple[float, float]] = {
    "sharpe": _SHARPE,
    "sharpeAtDoubleCost": _SHARPE,
    "buyAndHoldSharpe": _SHARPE,
    "winRate": _SHARE,
    "winRateLow": _SHARE,
    "winRateHigh": _SHARE,
    "psr": _SHARE,
    "deflatedSharpe": _SHARE,
    "profitFactor": _POSITIVE,
    "maxDrawdown": _POSITIVE,
    "trades": _POSITIVE,
    "turnover": _POSITIVE,
    "exposure": _POSITIVE,
    "minTrackRecordDays": _POSITIVE,
}
"""Bounds of a metric by its name in the resource; the others lie within ``WIDEST``."""


def unbelievable(name: str, value: float) -> str:
    """Return why a metric can't have a value; empty if it can."""
    low, high = BOUNDS.get(name, (-WIDEST, WIDEST))
    if not low <= value <= high:
        return f"{name}: {value:g} is outside {low:g} to {high:g}"
    if name == "trades" and value != int(value):
        return f"trades: {value:g} is not a whole number"
    return ""


def believable(values: Mapping[str, float]) -> Mapping[str, float]:
    """Return the metrics.

    Raises
    ------
    ValueError
        One of them can't have its value.
    """
    for name, value in values.items():
        if why := unbelievable(name, value):
            raise ValueError(why)
    return values


Figure = Annotated[float, Field(ge=-WIDEST, le=WIDEST)]
"""A number that was measured."""
Shown = Annotated[Rounded, Field(ge=-WIDEST, le=WIDEST)]
"""A number that was measured, as a status shows it."""
Count = Annotated[int, Field(ge=0, le=10**12)]
"""A number of things."""
MetricName = Annotated[str, Field(min_length=1, max_length=64)]
MetricValues = Annotated[dict[MetricName, float], Field(max_length=64), AfterValidator(believable)]
"""Metrics by their name in the resource, unrounded; undefined ones absent."""
Undefined = Annotated[dict[MetricName, Annotated[str, Field(max_length=128)]], Field(max_length=64)]
"""Why a metric is undefined, by its name."""
