"""``spec.monitoring``: how a version in production is watched, and what follows by itself."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from clm_api.base import Duration, Model


class DriftMode(StrEnum):
    """What follows when the market is no longer the one that the version was trained on."""

    OFF = "Off"
    WARN = "Warn"
    RETRAIN = "Retrain"


class PerformanceMode(StrEnum):
    """What follows when the version in production does not earn what its backtest promised."""

    OFF = "Off"
    WARN = "Warn"
    RETRAIN = "Retrain"
    ROLLBACK = "Rollback"
    STAND_DOWN = "StandDown"


class StaleMode(StrEnum):
    """What follows when the version in production is too old, or its bars have stopped."""

    WARN = "Warn"
    RETRAIN = "Retrain"


def _in_quotes(mode: Any) -> Any:
    if mode is False:
        text = 'write "Off" in quotes: YAML reads a bare Off as false'
        raise PydanticCustomError("bare_off", text)
    return mode


_Quoted = BeforeValidator(_in_quotes)


class DriftSpec(Model):
    """How the newest bars are held against those that the version was trained on."""

    mode: Annotated[DriftMode, _Quoted] = DriftMode.WARN
    """Off looks at nothing; Warn says what differs; Retrain trains a new version too. Write "Off"
    in quotes: YAML reads a bare Off as false."""
    window_bars: Annotated[int, Field(ge=24, le=10000)] = 168
    """Bars of one window, its newest half counting five times. Two windows end a 28th of it apart:
    six hours where a window is a week."""
    windows: Annotated[int, Field(ge=1, le=20)] = 3
    """Of the newest windows, so many must differ."""
    of: Annotated[int, Field(ge=1, le=20)] = 4
    """Newest windows that are looked at."""
    confidence: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.98
    """Chance that a month (30 days) of a market that goes on as in the training raises no alarm:
    at 0.98 it is one false alarm in fifty months."""


class PerformanceSpec(Model):
    """How live results are held against what the backtest promised."""

    mode: Annotated[PerformanceMode, _Quoted] = PerformanceMode.WARN
    """Off looks at nothing; Warn says it; Retrain trains a new version too; Rollback goes back to
    the version before; StandDown empties production. Write "Off" in quotes."""


class MonitoringSpec(Model):
    """How published versions are replayed on the newest bars, and what follows by itself."""

    interval: Duration = "6h"
    """Time between two replay Jobs; there is none while nothing is in PRODUCTION or SHADOW."""
    cooldown: Duration = "24h"
    """Least time between a change of the version in production and an automatic promotion, and
    between two runs that monitoring asks for."""
    drift: DriftSpec = Field(default_factory=DriftSpec)
    """Whether the market has changed."""
    performance: PerformanceSpec = Field(default_factory=PerformanceSpec)
    """Whether the model still earns."""
    expires_after: Duration | None = None
    """Age from which the version in production is stale, such as 30d; null: never by age."""
    on_stale: StaleMode = StaleMode.WARN
    """Warn says it; Retrain trains a new version too."""
