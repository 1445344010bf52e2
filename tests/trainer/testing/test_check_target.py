"""The check of targets finds what it looks for: a target for each promise, which breaks it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from clm_api.errors import SpecError
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets import Labels, Target
from clm_trainer.testing import TARGET_PROMISES, PromisesBrokenError, check_target
from mypackage.average import OFFER, AverageParams

Change = Callable[[Labels, Panel], Labels]


@dataclass(frozen=True)
class Changed:
    inner: Target
    change: Change

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        return self.change(self.inner.labels(panel, sigma), panel)


def bad(change: Change) -> Offer[Target]:
    return Offer(AverageParams, lambda told, run: Changed(OFFER.make(told, run), change))


def shorter(labels: Labels, panel: Panel) -> Labels:
    return replace(labels, ends=labels.ends - 1)


def drawn(labels: Labels, panel: Panel) -> Labels:
    noise = np.random.default_rng().normal(size=labels.values.shape)
    return replace(labels, values=labels.values + noise)


def ranked(labels: Labels, panel: Panel) -> Labels:
    return replace(labels, values=labels.values - labels.values.mean(axis=1, keepdims=True))


def filled(labels: Labels, panel: Panel) -> Labels:
    return replace(labels, values=np.nan_to_num(labels.values))


BREAKS: dict[str, tuple[Any, str]] = {
    "a label uses no bar after its end": (bad(shorter), "it uses bars after its end"),
    "the same bars give the same labels": (bad(drawn), "the labels are others"),
    "a symbol has the same labels alone and among others": (bad(ranked), "the labels of BTC/USDT"),
    "most labels are known, and they differ": (bad(filled), "whose next bar is missing"),
}


@pytest.mark.parametrize("promise", TARGET_PROMISES)
def test_a_target_that_breaks_a_promise_is_told_which(promise: str) -> None:
    offer, found = BREAKS[promise]
    with pytest.raises(PromisesBrokenError, match=found) as caught:
        check_target(offer, only=[promise])
    assert caught.value.broken == (promise,)


@pytest.mark.parametrize("kind", ["return", "sign", "tripleBarrier", "mypackage.average"])
def test_clms_own_targets_and_the_examples_keep_all(kind: str) -> None:
    check_target(kind)


def test_wrong_parameters_are_told() -> None:
    with pytest.raises(SpecError, match=r"^check_target.params.bars: "):
        check_target("mypackage.average", {"bars": 0})
