"""Walk-forward fits and the final fit that becomes the artifact."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clm_api.run import RunSpec
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.evaluation.splits import History, Span, Walk, walk_forward
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset, Family, FitContext, Fitted, interrupted
from clm_trainer.features import STANDARD
from clm_trainer.memory import give_back
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets import Labels
from clm_trainer.targets.uniqueness import by_uniqueness

Tell = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """All fits of a run.

    Parameters
    ----------
    percentiles
        Out-of-sample percentiles of the evaluation window, shape (bars, symbols).
    fold_of
        Fold of each bar of the window, shape (bars,).
    model, ranks
        The artifact: fitted on everything, with its own percentile map.
    fits
        Labelled rows of each fit's span (before the family's stride), the final one last.
    """

    walk: Walk
    percentiles: Floats
    fold_of: NDArray[np.int64]
    model: Fitted
    ranks: PercentileMap
    fits: tuple[int, ...]


def train(
    rows: Dataset,
    panel: Panel,
    spec: RunSpec,
    context: FitContext,
    tell: Tell,
    warm_up_bars: int = STANDARD.warm_up_bars,
) -> Trained:
    """Fit every fold and the artifact.

    Parameters
    ----------
    warm_up_bars
        Of the feature set.

    Raises
    ------
    ClmError
        InsufficientData, Interrupted.
    """
    walk = walk_of(panel, Labels(rows.target, rows.ends), spec, warm_up_bars)
    family = registry.create(spec)
    start, stop = walk.window
    percentiles = np.full((stop - start, len(panel.symbols)), np.nan)
    fold_of = np.zeros(stop - start, dtype=np.int64)
    folds, fits = len(walk.folds), dict[int, int]()
    # The first fold gives the bin edges; the final span starts with all others, so when it is
    # binned second they need no binning.
    order = (0, folds, *range(1, folds))
    for done, number in enumerate(order):
        span = walk.final if number == folds else walk.folds[number]
        part = _part(context, done, folds + 1)
        fitted, ranks, fits[number] = fit_span(
            family, rows, span, part, weighed=spec.target.uniqueness_weights
        )
        if number == folds:
            artifact, name = (fitted, ranks), "final fit"
        else:
            begin, end = span.test
            scores = fitted.score(rows.rows(begin, end))
            percentiles[begin - start : end - start] = ranks.rank(scores)
            fold_of[begin - start : end - start] = number
            name = f"fold {number + 1}/{folds}"
        give_back()
        tell((done + 1) / (folds + 1), f"{spec.model.family} {name}  rows {fits[number]}")
    learned = tuple(fits[number] for number in range(folds + 1))
    return Trained(walk, percentiles, fold_of, *artifact, learned)


def walk_of(panel: Panel, labels: Labels, spec: RunSpec, warm_up_bars: int) -> Walk:
    """Return the spans of a run's fits.

    Raises
    ------
    ClmError
        InsufficientData.
    """
    first = np.argmax(panel.listed, axis=0)
    first[~panel.listed.any(axis=0)] = len(panel)
    history = History(
        len(panel), panel.bars_per_day, labels.reach, int(first.min()), int(first.max())
    )
    return walk_forward(history, spec.evaluation, spec.target, warm_up_bars)


def fit_span(
    family: Family, rows: Dataset, span: Span, context: FitContext, *, weighed: bool = False
) -> tuple[Fitted, PercentileMap, int]:
    """Return the model of one span, its percentile map, and the labelled rows it had.

    Parameters
    ----------
    weighed
        Whether labels count by how few others of the span overlap them.

    Raises
    ------
    ClmError
        Interrupted, InsufficientData.
    """
    if context.should_stop():
        raise interrupted()
    learn, tail = rows.rows(*span.fit), rows.rows(*span.calibration)
    if weighed:
        learn = by_uniqueness(learn)
    fitted = family.fit(learn, tail, context)
    ranks = PercentileMap.fit(fitted.score(tail))
    known = int((learn.usable & np.isfinite(learn.target)).sum())
    return fitted, ranks, known


def _part(context: FitContext, number: int, steps: int) -> FitContext:
    """Map one fit's progress on its share of the stage."""
    return replace(
        context,
        progress=lambda done, text: context.progress((number + done) / steps, text),
    )
