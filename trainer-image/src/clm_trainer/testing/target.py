"""What an own target must do; every run checks the most of it on its own bars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from clm_api.market_columns import names_beside
from clm_trainer.own.door import Offer, checked, opened
from clm_trainer.own.targets import OwnTarget
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from clm_trainer.targets import Labels, Target
from clm_trainer.targets.settled import require_settled
from clm_trainer.testing.promises import Promise, chosen, look_at, require
from clm_trainer.testing.subject import holed_panel, run_spec

_LEAST_KNOWN = 0.5
_CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class _Subject:
    name: str
    make: Any
    columns: tuple[str, ...] = ()

    @cached_property
    def panel(self) -> Panel:
        """Drawn bars, with drawn values of the columns that the run fetches beside them."""
        panel, rng = holed_panel(), np.random.default_rng(5)
        extra = {name: rng.random(panel.close.shape) for name in self.columns}
        return replace(panel, extra=extra)

    @cached_property
    def sigma(self) -> Floats:
        return dataset(self.panel).sigma

    def target(self) -> Target:
        made: Target = self.make()
        return made

    @cached_property
    def labels(self) -> Labels:
        return self.target().labels(self.panel, self.sigma)


def _settled(subject: _Subject) -> None:
    found = (subject.target(), subject.name, subject.panel, subject.sigma, subject.labels)
    require_settled(*found)


def _same_again(subject: _Subject) -> None:
    again = subject.target().labels(subject.panel, subject.sigma)
    same = np.array_equal(again.values, subject.labels.values, equal_nan=True)
    require(same and np.array_equal(again.ends, subject.labels.ends), "the labels are others")


def _alone(subject: _Subject) -> None:
    panel, target = subject.panel, subject.target()
    if isinstance(target, OwnTarget) and target.together:
        return
    for column, symbol in enumerate(panel.symbols):
        own = slice(column, column + 1)
        prices: Any = {
            name: getattr(panel, name)[:, own]
            for name in ("open", "high", "low", "close", "volume", "gap")
        }
        extra = {name: values[:, own] for name, values in panel.extra.items()}
        one = replace(panel, symbols=(symbol,), extra=extra, **prices)
        alone = target.labels(one, subject.sigma[:, own])
        among = subject.labels.values[:, own]
        same = np.allclose(alone.values, among, rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
        require(same, f"the labels of {symbol} depend on the other symbols")


def _known(subject: _Subject) -> None:
    values = subject.labels.values
    known = np.isfinite(values)
    require(known.mean() > _LEAST_KNOWN, f"{known.mean():.0%} of the labels are known")
    require(values[known].std() > 0, "all labels are one number")
    before = ~np.isfinite(subject.panel.open[1:]) & known[:-1]
    require(not before.any(), f"{before.sum()} labels are known whose next bar is missing")


_PROMISES: tuple[Promise[_Subject], ...] = (
    Promise(
        "a label uses no bar after its end",
        _settled,
        "return in ends the row of the last bar that decides each label, also of an unknown one",
    ),
    Promise(
        "the same bars give the same labels",
        _same_again,
        "draw nothing, and keep nothing between two calls",
    ),
    Promise(
        "a symbol has the same labels alone and among others",
        _alone,
        "work along the first axis; a label that compares symbols is a panel_target",
    ),
    Promise(
        "most labels are known, and they differ",
        _known,
        "a decision at the close of t fills at the open of t + 1: NaN where that is missing, or "
        "where the label's end is not there yet",
    ),
)
TARGET_PROMISES = tuple(promise.sentence for promise in _PROMISES)
"""What ``check_target`` looks at, in order."""


def check_target(
    offer: Offer[Target] | str,
    params: Mapping[str, Any] | None = None,
    *,
    data: Mapping[str, Any] | None = None,
    only: Iterable[str] | None = None,
) -> None:
    """Check that a target labels bars as a run needs it, on bars that are drawn.

    Parameters
    ----------
    offer
        The offer, or the name of its entry point.
    params
        As in ``spec.target.params``.
    data
        ``columns`` and ``series`` as in ``spec.data``, for a target that asks for them.
    only
        Sentences of ``TARGET_PROMISES``; without it, all of them.

    Raises
    ------
    PromisesBrokenError
        It breaks some; the error names each, says what was found and how to mend it.
    SpecError
        No package offers that name, or the parameters are wrong.
    """
    name = offer if isinstance(offer, str) else "the offered target"
    found = opened("clm.targets", offer, "check_target") if isinstance(offer, str) else offer
    told = checked(found, name, params or {}, "check_target")
    kind = {"target": {"kind": offer}} if isinstance(offer, str) else {}
    run = run_spec(data={"symbols": list(holed_panel().symbols), **(data or {})}, **kind)
    columns = tuple(names_beside(run.data))
    subject = _Subject(name, lambda: found.make(told, run), columns)
    subject.target()
    look_at(name, subject, chosen(_PROMISES, only))
