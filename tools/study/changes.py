"""What may happen to a market from one bar on, as the bars would show it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from clm_trainer.panel import Floats, Panel

Change = Callable[[Panel, int, np.random.Generator], Panel]
_PRICES = ("open", "high", "low", "close")


def volatility_doubled(panel: Panel, row: int, _: np.random.Generator) -> Panel:
    """Every move of both symbols is twice as large."""
    log, moves = _moves(panel)
    factor = np.where(np.arange(len(panel)) >= row, 2.0, 1.0)[:, None]
    return _rebuilt(panel, log, {name: move * factor for name, move in moves.items()})


def correlation_broken(panel: Panel, row: int, rng: np.random.Generator) -> Panel:
    """The last symbol's bars go up or down by a coin: as large as before, with nobody."""
    log, moves = _moves(panel)
    turned = (np.arange(len(panel)) >= row) & (rng.random(len(panel)) < 0.5)
    new = {name: move.copy() for name, move in moves.items()}
    for name, mirror in zip(_PRICES, ("open", "low", "high", "close"), strict=True):
        new[name][turned, -1] = -moves[mirror][turned, -1]
    return _rebuilt(panel, log, new)


def volume_gone(panel: Panel, row: int, _: np.random.Generator) -> Panel:
    """The last symbol's prices move on, and its volume is 0."""
    volume = panel.volume.copy()
    volume[row:, -1] = 0.0
    return replace(panel, volume=volume)


def prices_frozen(panel: Panel, row: int, _: np.random.Generator) -> Panel:
    """The last symbol stays at one price, though trades are told."""
    changed: dict[str, Any] = {name: getattr(panel, name).copy() for name in _PRICES}
    for values in changed.values():
        values[row:, -1] = panel.close[row - 1, -1]
    return replace(panel, **changed)


def scaled(what: str, factor: float) -> Change:
    """Return the change of the last symbol's ``prices`` or ``volume`` to another unit."""
    names = _PRICES if what == "prices" else ("volume",)

    def change(panel: Panel, row: int, _: np.random.Generator) -> Panel:
        made: dict[str, Any] = {name: getattr(panel, name).copy() for name in names}
        for values in made.values():
            values[row:, -1] *= factor
        return replace(panel, **made)

    return change


def silent(panel: Panel, row: int, _: np.random.Generator) -> Panel:
    """The last symbol has no bars any more."""
    names = (*_PRICES, "volume")
    changed: dict[str, Any] = {name: getattr(panel, name).copy() for name in names}
    for values in changed.values():
        values[row:, -1] = np.nan
    gap = panel.gap.copy()
    gap[row:, -1] = True
    return replace(panel, gap=gap, **changed)


def _moves(panel: Panel) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return log prices, and their distances from the close before."""
    log = {name: np.log(getattr(panel, name)) for name in _PRICES}
    before = np.concatenate([log["open"][:1], log["close"][:-1]])
    return log, {name: values - before for name, values in log.items()}


def _rebuilt(panel: Panel, log: dict[str, Floats], moves: dict[str, Floats]) -> Panel:
    close = log["open"][:1] + np.cumsum(moves["close"], axis=0)
    start = np.concatenate([log["open"][:1], close[:-1]])
    made: dict[str, Any] = {name: np.exp(start + moves[name]) for name in _PRICES}
    return replace(panel, **made)
