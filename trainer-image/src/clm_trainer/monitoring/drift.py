"""One look: whether the newest bars are still of the market that the version was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clm_api.drift import WORST, DriftFinding, DriftVerdict, FeatureDrift, MarketFault
from clm_api.monitoring import DriftSpec
from clm_trainer.families.base import Dataset
from clm_trainer.monitoring.drift_columns import MarketColumns
from clm_trainer.monitoring.drift_null import (
    FEWEST_BLOCKS,
    Null,
    Windows,
    null_of,
    statistics_of,
)
from clm_trainer.monitoring.drift_reference import Reference
from clm_trainer.panel import Floats, Panel

_NAMED = 3
"""Features in a message."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A version in production, and the bars that it lives on.

    Parameters
    ----------
    panel
        All bars, from the first that it was trained on.
    rows
        All bars of the panel.
    scores
        Its raw scores of all rows, shape (bars, symbols).
    trained
        How many of the bars it was made of.
    reference
        What its run stored; None where that was another release's.
    """

    version: str
    panel: Panel
    rows: Dataset
    scores: Floats
    trained: int
    reference: Reference | None


def look(watched: Watched, spec: DriftSpec, faults: Sequence[MarketFault] = ()) -> DriftFinding:
    """Compare the newest windows with the training.

    Parameters
    ----------
    faults
        Symbols whose bars can't be what they seem: each is drift by itself.
    """
    facts = _compared(watched, spec)
    if faults:
        text = "; ".join(one.message for one in faults)
        facts |= {"verdict": DriftVerdict.DRIFTED, "message": text}
    return DriftFinding(
        version=watched.version, window_bars=spec.window_bars, faults=list(faults), **facts
    )


def _compared(watched: Watched, spec: DriftSpec) -> dict[str, Any]:
    windows = Windows(spec.window_bars, spec.windows, spec.of)
    new = len(watched.panel) - watched.trained
    if watched.reference is None:
        return _none("its run stored no reference for looks at drift: train a new version")
    if watched.trained // windows.bars < FEWEST_BLOCKS:
        return _too_short(windows)
    if new < windows.reach:
        text = f"{new} bars have closed since the training, {windows.reach} are needed"
        return {"verdict": DriftVerdict.TOO_EARLY, "message": text}
    edges = watched.reference.edges
    made = MarketColumns(watched.panel, watched.rows, watched.scores)
    columns = {name: values for name, values in made.items() if name in edges}
    null = null_of(columns, edges, watched.trained, windows)
    if null is None:
        return _too_short(windows)
    ends = windows.ending(len(watched.panel))
    found = statistics_of(columns, edges, watched.trained, ends, windows.bars)
    if not np.isfinite(found).any(axis=(0, 1)).all():
        text = "a newest window has values for fewer than half of its bars: there are holes"
        return {"verdict": DriftVerdict.TOO_EARLY, "message": text}
    limit = null.limit(spec.confidence, watched.panel.bars_per_day)
    return _judged(null, found, limit) | {
        "from_": watched.panel.times[-windows.bars],
        "to": watched.panel.times[-1],
    }


def _too_short(windows: Windows) -> dict[str, Any]:
    return _none(
        f"the training has fewer than {FEWEST_BLOCKS} whole windows of {windows.bars} bars: "
        "lower spec.monitoring.drift.windowBars, or train on more bars"
    )


def _none(text: str) -> dict[str, Any]:
    return {"verdict": DriftVerdict.NO_REFERENCE, "message": text}


def _judged(null: Null, found: Floats, limit: float) -> dict[str, Any]:
    unusual = null.usual.unusual(found)
    largest = np.nanmax(unusual, axis=0)
    windows, exceeded = null.windows, int((largest > limit).sum())
    drifted = exceeded >= windows.needed
    worst = _worst(null.names, found[..., -1], unusual[..., -1])
    named = ", ".join(
        f"{one.name} {one.statistic:.1f} (PSI {one.psi:.2f}, KS {one.ks:.2f})"
        for one in worst[:_NAMED]
    )
    return {
        "verdict": DriftVerdict.DRIFTED if drifted else DriftVerdict.STEADY,
        "exceeded": exceeded,
        "of": windows.of,
        "statistic": float(largest[-1]),
        "limit": limit,
        "worst": worst,
        "message": (
            f"{exceeded} of the newest {windows.of} windows of {windows.bars} bars differ from "
            f"the training's own, {windows.needed} are drift; furthest, where {limit:.1f} is "
            f"usual at most: {named}"
        ),
    }


def _worst(names: Sequence[str], found: Floats, unusual: Floats) -> list[FeatureDrift]:
    """Return the columns that moved furthest, the furthest first."""
    order = np.argsort(-np.where(np.isfinite(unusual), unusual, -np.inf), kind="stable")
    return [
        FeatureDrift(
            name=names[row],
            psi=float(found[row, 0]),
            ks=float(found[row, 1]),
            statistic=float(unusual[row]),
        )
        for row in order[:WORST]
        if np.isfinite(unusual[row])
    ]
