"""``reference_stats.json``: what a version's training looked like, for looks at later bars."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clm_api.figures import WIDEST
from clm_api.monitoring import DriftSpec
from clm_trainer.monitoring.drift_columns import Columns
from clm_trainer.monitoring.drift_null import (
    KINDS,
    SHARES,
    Null,
    Windows,
    null_of,
    null_sample,
)
from clm_trainer.monitoring.drift_sample import Sample
from clm_trainer.monitoring.drift_windows import BINS, edges_of
from clm_trainer.panel import Floats

SCHEMA = 2
"""Files of before had deciles alone, and no number of their own."""
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class Reference:
    """What later bars are compared with.

    Parameters
    ----------
    edges
        Percentiles of each column over the training.
    """

    edges: Mapping[str, Floats]


def reference_sample(bars: int, symbols: int) -> Sample:
    """Return the bars of a training whose columns ``reference_stats`` needs."""
    return null_sample(bars, symbols, _windows(DriftSpec()))


def reference_stats(columns: Columns, bars: int, bars_per_day: float) -> dict[str, Any]:
    """Return the file's content.

    ``quantiles`` (49 of them) bin later values. ``null`` has the quantiles ``shares`` of PSI and
    KS over windows of the default length, each against the rest of the training;
    ``decision`` the limit that follows. A look works both out for its schedule's own windows.

    Parameters
    ----------
    columns
        Of the bars of ``reference_sample``, each with a value somewhere or left out.
    bars
        Bars of the training.
    """
    spec = DriftSpec()
    windows, edges = _windows(spec), dict[str, Floats]()
    sample = reference_sample(bars, next(iter(columns.values())).shape[1])
    for name, values in columns.items():
        even = values[sample.even]
        if np.isfinite(even).any():
            edges[name] = np.round(edges_of(even), _DIGITS)
    if len(edges) < len(columns):
        columns = {name: columns[name] for name in edges}
    null = null_of(columns, edges, bars, windows, sample)
    return {
        "schemaVersion": SCHEMA,
        "bars": bars,
        "windowBars": windows.bars,
        "quantiles": {name: values.tolist() for name, values in edges.items()},
        **({} if null is None else _said(null, spec, bars_per_day)),
    }


def _windows(spec: DriftSpec) -> Windows:
    return Windows(spec.window_bars, spec.windows, spec.of)


def _said(null: Null, spec: DriftSpec, bars_per_day: float) -> dict[str, Any]:
    kept = np.round(null.usual.quantiles, _DIGITS)
    return {
        "null": {
            name: {kind: kept[:, row, place].tolist() for place, kind in enumerate(KINDS)}
            for row, name in enumerate(null.names)
        },
        "shares": list(SHARES),
        "decision": {
            "windows": spec.windows,
            "of": spec.of,
            "spacingBars": null.windows.spacing,
            "blocks": null.blocks,
            "location": null.tail.location,
            "scale": null.tail.scale,
            "confidence": spec.confidence,
            "limit": null.limit(spec.confidence, bars_per_day),
        },
    }


def read_reference(content: bytes | None) -> Reference | None:
    """Return what a run stored; None where a release of before stored something else, or nothing.

    Raises
    ------
    TypeError, ValueError, RecursionError
        The content is none that ``reference_stats`` made.
    """
    if content is None:
        return None
    stored = json.loads(content)
    if not isinstance(stored, dict):
        raise TypeError("it is no JSON object")
    if stored.get("schemaVersion") != SCHEMA:
        return None
    quantiles = stored.get("quantiles")
    if not isinstance(quantiles, dict) or not quantiles:
        raise TypeError("it has no quantiles")
    return Reference({name: _edges(name, values) for name, values in quantiles.items()})


def _edges(name: str, values: Any) -> Floats:
    numbers = isinstance(values, list) and all(isinstance(v, float | int) for v in values)
    edges = np.array(values if numbers else [], dtype=np.float64)
    good = edges.shape == (BINS - 1,) and np.isfinite(edges).all() and (np.diff(edges) >= 0).all()
    if not good or np.abs(edges).max() > WIDEST:
        raise ValueError(f"the quantiles of {name} are none")
    return edges
