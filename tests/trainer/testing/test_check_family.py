"""The check of families finds what it looks for: a family for each promise, which breaks it."""

import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_trainer.families.base import Dataset, Family, FitContext, Fitted
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats
from clm_trainer.testing import FAMILY_PROMISES, PromisesBrokenError, check_family
from mypackage.linear import OFFER as LINEAR
from mypackage.linear import Linear

Fit = Callable[[Family, Dataset, Dataset, FitContext], Fitted]


@dataclass(frozen=True, eq=False)
class Wrapped:
    """A linear model of which single methods are others."""

    inner: Fitted
    scores: Callable[[Fitted, Dataset], Floats] = lambda inner, window: inner.score(window)
    saves: Callable[[Fitted, Path], None] = lambda inner, folder: inner.save(folder)
    shares: Callable[[Fitted], dict[str, float]] = lambda inner: inner.importance()

    def score(self, window: Dataset) -> Floats:
        return self.scores(self.inner, window)

    def save(self, folder: Path) -> None:
        self.saves(self.inner, folder)

    def importance(self) -> dict[str, float]:
        return self.shares(self.inner)


@dataclass(frozen=True, eq=False)
class Bad:
    """A family of linear models of which a part is another."""

    inner: Family
    how: dict[str, Any]
    fits: Fit = lambda inner, train, valid, context: inner.fit(train, valid, context)
    loads: Callable[[Family, Path, tuple[str, ...]], Fitted] = lambda inner, folder, names: (
        inner.load(folder, names)
    )

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
        return Wrapped(self.fits(self.inner, train, valid, context), **self.how)

    def load(self, folder: Path, names: tuple[str, ...]) -> Fitted:
        return Wrapped(self.loads(self.inner, folder, names), **self.how)


def bad(params: type[BaseModel] = Linear, *, of: dict[str, Any] | None = None, **how: Any) -> Any:
    def make(told: Any, run: Any) -> Family:
        plain = Linear(alpha=told.alpha)
        return Bad(LINEAR.make(plain, run), how, **(of or {}))

    return Offer(params, make)


_COUNT = itertools.count()


def restless(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    target = train.target * (1 + 0.1 * next(_COUNT))
    return inner.fit(replace(train, target=target), valid, context)


def greedy(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    target = np.where(np.isfinite(train.target), train.target, 0.0)
    features = np.nan_to_num(train.features[:])
    everything = np.ones_like(train.usable)
    odd = replace(train, features=features, target=target, usable=everything)
    return inner.fit(odd, valid, context)


def steep(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    if np.nanstd(train.target) == 0:
        raise ZeroDivisionError("no spread")
    return inner.fit(train, valid, context)


def backwards(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    def tell(done: float, line: str) -> None:
        context.progress(1.05 - done, line)

    return inner.fit(train, valid, replace(context, progress=tell))


def deaf(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    return inner.fit(train, valid, replace(context, should_stop=lambda: False))


def stubborn(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    return inner.fit(train, valid, replace(context, device="cpu"))


def large(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    np.ones(300 * 2**17)
    return inner.fit(train, valid, context)


def blind(inner: Family, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
    mixed = np.random.default_rng(1).permutation(train.target)
    return inner.fit(replace(train, target=mixed), valid, context)


class Sharing:
    """A family whose models are one: each fit changes those before it."""

    def __init__(self, inner: Family) -> None:
        self.inner, self.newest = inner, list[Fitted]()

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
        self.newest[:] = [self.inner.fit(train, valid, context)]
        return Wrapped(self.newest[0], scores=lambda inner, window: self.newest[0].score(window))

    def load(self, folder: Path, names: tuple[str, ...]) -> Fitted:
        return self.inner.load(folder, names)


class Remembering(Sharing):
    """A family that keeps the longest span for later fits."""

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
        made = self.inner.fit(train, valid, context)
        self.newest.append(made)
        seen = list(self.newest)
        return Wrapped(
            made, scores=lambda _, window: np.sum([one.score(window) for one in seen], axis=0)
        )


class Careless(Sharing):
    """A family that says it weighs labels, and does not."""

    weighs_labels = True

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> Fitted:
        return self.inner.fit(replace(train, weight=None), valid, context)


def kept(kind: type[Sharing]) -> Offer[Any]:
    return Offer(Linear, lambda told, run: kind(LINEAR.make(told, run)))


def pickled(inner: Fitted, folder: Path) -> None:
    inner.save(folder)
    (folder / "more.json").write_bytes(pickle.dumps({"a": 1}))


def trusting(inner: Family, folder: Path, names: tuple[str, ...]) -> Fitted:
    meta = json.loads((folder / "model.json").read_text())
    return inner.load(folder, tuple(meta["features"]))


def rough(inner: Family, folder: Path, names: tuple[str, ...]) -> Fitted:
    try:
        return inner.load(folder, names)
    except ClmError as error:
        if "other features" in error.message:
            raise
        raise ValueError("what is that?") from error


def shifted(inner: Family, folder: Path, names: tuple[str, ...]) -> Fitted:
    loaded = inner.load(folder, names)
    return Wrapped(loaded, scores=lambda fitted, window: fitted.score(window) + 1e-12)


class Seeded(Linear):
    seeds: int = 1


def peeking(inner: Fitted, window: Dataset) -> Floats:
    """The labels themselves."""
    known = np.nan_to_num(window.target) + 1e-3 * inner.score(window)
    return np.where(window.usable, known, np.nan)


def centred(inner: Fitted, window: Dataset) -> Floats:
    scores = inner.score(window)
    usable = scores[window.usable]
    return scores - (usable.mean() if len(usable) else 0)


def filled(inner: Fitted, window: Dataset) -> Floats:
    return np.nan_to_num(inner.score(window))


BREAKS: dict[str, tuple[Any, str]] = {
    "the same seed gives the same model": (bad(of={"fits": restless}), "scores differ"),
    "usable rows are scored, and no others": (
        bad(scores=filled), "rows that are not usable have a score"
    ),
    "a row is scored the same alone and among others": (
        bad(scores=centred), "bars 100 to 101 alone"
    ),
    "nothing to score is no error": (bad(scores=filled), "none is usable"),
    "rows that are not usable are not learned": (bad(of={"fits": greedy}), "scores differ"),
    "a constant target is no error": (bad(of={"fits": steep}), "ZeroDivisionError: no spread"),
    "without rows to learn from it says so": (bad(of={"fits": greedy}), "is no error"),
    "labels count by their weights, if it says so": (kept(Careless), "change nothing"),
    "a later fit does not change an earlier model": (kept(Sharing), "fit 1 of 3, after the others"),
    "bars after a span change nothing that is fitted on it": (kept(Remembering), "fit 3 of 3"),
    "a loaded model scores the same to the bit": (bad(of={"loads": shifted}), "after loading"),
    "its files can carry no code": (bad(saves=pickled), "more.json is a pickle"),
    "a model of other features is refused": (bad(of={"loads": trusting}), "is no error"),
    "a damaged file is refused": (bad(of={"loads": rough}), "raises ValueError"),
    "progress only rises and ends at 1": (bad(of={"fits": backwards}), "it falls"),
    "it stops when it is told to": (bad(of={"fits": deaf}), "is no error"),
    "a GPU that is not there is no CPU": (bad(of={"fits": stubborn}), "is no error"),
    "importances are shares of the features": (
        bad(shares=lambda inner: {"sentiment": 1.0}), "sentiment"
    ),
    "each seed is a model of its own": (bad(Seeded), "seeds 2 and seeds 1 give one model"),
    "a fit stays within its budget": (bad(of={"fits": large}), "MiB more"),
    "a planted trend is learned": (bad(of={"fits": blind}), "with the planted trend"),
    "noise is not learned": (bad(scores=peeking), "with the labels of noise"),
}  # fmt: skip


@pytest.mark.parametrize("promise", FAMILY_PROMISES)
def test_a_family_that_breaks_a_promise_is_told_which_and_how_to_mend_it(promise: str) -> None:
    offer, found = BREAKS[promise]
    with pytest.raises(PromisesBrokenError) as caught:
        check_family(offer, only=[promise], memory_mib=200)
    assert caught.value.broken == (promise,)
    assert found in str(caught.value)
    assert "  mend:  " in str(caught.value)


def test_all_that_is_broken_is_told_at_once() -> None:
    with pytest.raises(PromisesBrokenError, match="breaks 2 of its promises") as caught:
        check_family(
            bad(scores=filled),
            only=["nothing to score is no error", "usable rows are scored, and no others"],
        )
    assert len(caught.value.broken) == 2


def test_a_good_family_is_checked_by_one_call() -> None:
    check_family(LINEAR, {"alpha": 2.0})


def test_wrong_parameters_and_names_are_told_before_anything_is_trained() -> None:
    with pytest.raises(SpecError, match=r"^check_family.params.alpha: "):
        check_family(LINEAR, {"alpha": -1})
    with pytest.raises(SpecError, match="not offered by any package"):
        check_family("mypackage.nothing")
    with pytest.raises(ValueError, match='no promise "speed"'):
        check_family(LINEAR, only=["speed"])


def test_an_error_of_own_code_says_its_reason() -> None:
    def full(inner: Fitted, folder: Path) -> None:
        raise ClmError(Reason.TRAINING_FAILED, "no room")

    with pytest.raises(PromisesBrokenError, match="TrainingFailed: no room"):
        check_family(bad(saves=full), only=["its files can carry no code"])
