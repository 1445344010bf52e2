"""Promises about what a family's models say."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.base import Dataset, Fitted, weighs_labels
from clm_trainer.panel import Floats
from clm_trainer.testing.promises import Promise, require, require_error
from clm_trainer.testing.subject import (
    SPANS,
    Subject,
    context,
    holed_rows,
    parts,
    poisoned_rows,
)


def _differences(one: Floats, other: Floats) -> str:
    apart = np.nan_to_num(one, nan=np.inf) != np.nan_to_num(other, nan=np.inf)
    finite = np.abs(one - other)[np.isfinite(one) & np.isfinite(other)]
    most = finite.max() if len(finite) else 0.0
    return f"{int(apart.sum())} of {apart.size} scores differ, by {most:.3g} at most"


def _require_equal(one: Floats, other: Floats, what: str) -> None:
    same = one.shape == other.shape and np.array_equal(one, other, equal_nan=True)
    found = _differences(one, other) if one.shape == other.shape else "the shapes differ"
    require(same, f"{what}: {found}")


def _same_seed(subject: Subject) -> None:
    again = subject.fit().score(subject.test)
    _require_equal(again, subject.scores, "a second fit with the same rows and seed")


def _usable_rows(subject: Subject) -> None:
    scores, usable = subject.scores, subject.test.usable
    require(scores.shape == usable.shape, f"shape {scores.shape}, not {usable.shape}")
    missed, other = (~np.isfinite(scores) & usable).sum(), (np.isfinite(scores) & ~usable).sum()
    require(not missed, f"{missed} of {usable.sum()} usable rows have no finite score")
    require(not other, f"{other} rows that are not usable have a score; they must be NaN")
    require(scores[usable].std() > 0, "all rows have one score")


def _alone(subject: Subject) -> None:
    test, fitted = subject.test, subject.first.fitted
    for start, stop in ((100, 101), (257, 258), (0, 200), (3, 475)):
        part = fitted.score(test.rows(start, stop))
        _require_equal(part, subject.scores[start:stop], f"bars {start} to {stop} alone")


def _nothing_usable(subject: Subject) -> None:
    test, fitted = subject.test, subject.first.fitted
    blank = replace(test, usable=np.zeros_like(test.usable))
    require(np.isnan(fitted.score(blank)).all(), "rows of which none is usable have scores")
    shape = fitted.score(test.rows(5, 5)).shape
    require(shape == (0, len(test.symbols)), f"no bar at all has scores of shape {shape}")


def _unusable_rows(subject: Subject) -> None:
    rows = holed_rows()
    absurd = replace(
        rows,
        features=np.where(rows.usable[:, :, None], rows.features[:], 1e9),
        target=np.where(rows.usable, rows.target, 1e9),
    )
    theirs = subject.fit(absurd).score(subject.test)
    what = "fitted with absurd features and labels where rows are not usable"
    _require_equal(theirs, subject.scores, what)


def _constant_target(subject: Subject) -> None:
    rows, test = holed_rows(), subject.test
    for label in (0.0, 0.7):
        flat = replace(rows, target=np.full_like(rows.target, label))
        scores = subject.fit(flat).score(test)
        missed = (np.isfinite(scores) != test.usable).sum()
        require(not missed, f"all labels {label}: {missed} rows have no finite score, or one more")
        ranks = PercentileMap.fit(scores).rank(scores)[test.usable]
        require(((ranks >= 0) & (ranks <= 1)).all(), f"all labels {label}: no percentiles")


def _nothing_to_learn(subject: Subject) -> None:
    rows = holed_rows()
    blank = replace(rows, usable=np.zeros_like(rows.usable))
    unknown = replace(rows, target=np.full_like(rows.target, np.nan))
    for made, what in ((blank, "without a usable row"), (unknown, "without a known label")):
        require_error(partial(subject.fit, made), ["InsufficientData"], f"a fit {what}")


def _weights(subject: Subject) -> None:
    if not weighs_labels(subject.family()):
        return
    rows = holed_rows()
    weight = np.random.default_rng(6).uniform(0, 2, rows.usable.shape)
    scores = subject.fit(replace(rows, weight=weight)).score(subject.test)
    same = np.array_equal(scores, subject.scores, equal_nan=True)
    require(not same, "it says weighs_labels, and drawn weights change nothing")


def _walked(subject: Subject, rows: Dataset) -> list[tuple[Fitted, Floats]]:
    """Fit as a run does, with one family; return each model, and its scores right after its fit."""
    family, test = subject.family(), parts(holed_rows())[2]
    made = []
    for train, valid in SPANS:
        fitted = family.fit(rows.rows(*train), rows.rows(*valid), context(1))
        made.append((fitted, fitted.score(test)))
    return made


def _later_fits(subject: Subject) -> None:
    test = subject.test
    walk = _walked(subject, holed_rows())
    for number, (fitted, before) in enumerate(walk, 1):
        _require_equal(fitted.score(test), before, f"fit {number} of {len(walk)}, after the others")
    for (_, one), (_, other) in pairwise(walk):
        require(not np.array_equal(one, other, equal_nan=True), "fits of other rows are one model")


def _later_bars(subject: Subject) -> None:
    clean, bad = (_walked(subject, rows) for rows in (holed_rows(), poisoned_rows()))
    for number in (0, 2):
        what = f"fit {number + 1} of {len(clean)}, with absurd bars after its span"
        _require_equal(bad[number][1], clean[number][1], what)


SCORES: tuple[Promise[Subject], ...] = (
    Promise(
        "the same seed gives the same model",
        _same_seed,
        "draw everything random from context.seed, pass it on as random_state, and leave global "
        "generators alone",
    ),
    Promise(
        "usable rows are scored, and no others",
        _usable_rows,
        "return an array of the shape of window.usable: finite where that is true, else NaN",
    ),
    Promise(
        "a row is scored the same alone and among others",
        _alone,
        "score each row by itself: no mean or rank over the window; a matrix product depends on "
        "the number of rows, so use clm_trainer.own.blocks.score_in_blocks",
    ),
    Promise(
        "nothing to score is no error",
        _nothing_usable,
        "return NaN for every row that is not usable, and an empty array for no bars",
    ),
    Promise(
        "rows that are not usable are not learned",
        _unusable_rows,
        "fit on clm_trainer.families.boosting.training_rows(train, stride), or where train.usable "
        "is true and train.target is finite",
    ),
    Promise(
        "a constant target is no error",
        _constant_target,
        "do not divide by the target's spread; a constant score is an answer",
    ),
    Promise(
        "without rows to learn from it says so",
        _nothing_to_learn,
        "raise ClmError(Reason.INSUFFICIENT_DATA, …), as training_rows does",
    ),
    Promise(
        "labels count by their weights, if it says so",
        _weights,
        "hand the weights of training_rows on to what learns, or leave weighs_labels out: then "
        "spec.target.uniquenessWeights is refused",
    ),
    Promise(
        "a later fit does not change an earlier model",
        _later_fits,
        "a run fits one family several times: make a new estimator in every fit",
    ),
    Promise(
        "bars after a span change nothing that is fitted on it",
        _later_bars,
        "what a fit keeps for later fits must not depend on rows that an earlier span does not "
        "have: it is fitted on the longest span before the shorter ones",
    ),
)
