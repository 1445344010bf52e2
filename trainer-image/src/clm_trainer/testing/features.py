"""What an own feature set must do; every run checks the most of it on its own bars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from clm_api.run import RunSpec
from clm_trainer.features import registry
from clm_trainer.features.base import FeatureSet
from clm_trainer.features.table import FeatureTable, build_features
from clm_trainer.own.soundness import Watch
from clm_trainer.panel import Floats, Panel
from clm_trainer.testing.promises import Promise, chosen, look_at, require
from clm_trainer.testing.subject import holed_panel, run_spec

_LEAST_USABLE = 0.5
_CUTS = (1, 7, 1000, 1001, 1500, 2048, 3000)


@dataclass(frozen=True, eq=False)
class _Subject:
    name: str
    run: RunSpec

    def features(self) -> FeatureSet:
        return registry.create(self.run)

    @cached_property
    def panel(self) -> Panel:
        """Drawn bars, with drawn values of the columns that the set asks for."""
        panel, rng = holed_panel(), np.random.default_rng(5)
        extra = {name: rng.random(panel.close.shape) for name in self.features().columns}
        return replace(panel, extra=extra)

    @cached_property
    def table(self) -> FeatureTable:
        return build_features(self.panel, self.features())


def _sound(subject: _Subject) -> None:
    watch = Watch(subject.features(), subject.panel, subject.run)
    build_features(subject.panel, watch.features)
    watch.require_sound()


def _bar_by_bar(subject: _Subject) -> None:
    features, panel = subject.features(), subject.panel
    at_once = features.begin(panel.symbols, panel.timeframe).advance(panel)
    stream, parts = features.begin(panel.symbols, panel.timeframe), list[Floats]()
    for start, stop in zip((0, *_CUTS), (*_CUTS, len(panel)), strict=True):
        parts.append(stream.advance(panel.window(start, stop)))
        saved = stream.save()
        stream = features.resume(panel.symbols, panel.timeframe, saved)
    same = np.array_equal(np.concatenate(parts), at_once, equal_nan=True)
    require(same, "the features are others when the bars come in parts and the state is restored")


def _useful(subject: _Subject) -> None:
    table, warm_up = subject.table, subject.features().warm_up_bars
    drawn = len(subject.panel)
    require(warm_up < drawn, f"the warm-up of {warm_up} bars is longer than the {drawn} drawn ones")
    share = table.usable[warm_up:].mean()
    require(share > _LEAST_USABLE, f"{share:.0%} of the rows past the warm-up are usable")
    rows = table.values[table.usable]
    flat = [name for name, one in zip(table.names, rows.T, strict=True) if one.std() == 0]
    require(not flat, f"always one number: {', '.join(flat)}")


_PROMISES: tuple[Promise[_Subject], ...] = (
    Promise(
        "a feature depends on its bar and the declared look-back alone",
        _sound,
        "use shift, diff and rolling, never shift(-1), centred windows or the whole frame's mean; "
        "declare in lookback_bars how far the longest of them looks back",
    ),
    Promise(
        "bar by bar the features are those of all bars at once",
        _bar_by_bar,
        "keep nothing between two calls: compute from the frame that the function is given",
    ),
    Promise(
        "most rows are usable, and every feature varies",
        _useful,
        "NaN makes a row unusable: fill what is missing, or shorten the look-back",
    ),
)
FEATURES_PROMISES = tuple(promise.sentence for promise in _PROMISES)
"""What ``check_features`` looks at, in order."""


def check_features(
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    data: Mapping[str, Any] | None = None,
    only: Iterable[str] | None = None,
) -> None:
    """Check that a feature set is what a run may train on, on bars that are drawn.

    Parameters
    ----------
    name
        Of its entry point: a part of the check runs in a process of its own.
    params
        As in ``spec.model.features.params``.
    data
        ``columns`` and ``series`` as in ``spec.data``, for a set that asks for them.
    only
        Sentences of ``FEATURES_PROMISES``; without it, all of them.

    Raises
    ------
    PromisesBrokenError
        It breaks some; the error names each, says what was found and how to mend it.
    SpecError
        No package offers that name, or the parameters are wrong.
    """
    told = {"set": name, "params": dict(params or {})}
    market = {"symbols": list(holed_panel().symbols), **(data or {})}
    subject = _Subject(name, run_spec(model={"features": told}, data=market))
    subject.features()
    look_at(name, subject, chosen(_PROMISES, only))
