"""All versions of all variants as tries at one thing: what choosing the best of them is worth."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clm_trainer.evaluation import significance
from clm_trainer.evaluation.scores import Scores
from clm_trainer.panel import YEAR_SECONDS, Floats
from clm_trainer.simulation.choice import Choice, Chosen, chosen_of

FINEST = pd.Timedelta("1h")
"""Returns of shorter bars are compounded to this: they would take gigabytes."""


@dataclass(frozen=True, eq=False)
class Returns:
    """What a variant's versions earned.

    Parameters
    ----------
    times
        Open times of the bars, without holes.
    step
        Length of a bar.
    net
        Net returns, shape (bars, versions).
    """

    times: pd.DatetimeIndex
    step: pd.Timedelta
    net: Floats

    @classmethod
    def of(cls, chosen: Chosen) -> "Returns":
        """Return those on which a variant's versions are compared, on bars of an hour or more."""
        window = chosen.window
        return cls(window.times, window.timeframe, chosen.returns).on(FINEST)

    def on(self, step: pd.Timedelta) -> "Returns":
        """Compound them to longer bars; what does not fill one at either end is left out.

        Parameters
        ----------
        step
            A multiple of this one's, or a shorter one, which changes nothing.
        """
        if step <= self.step:
            return self
        per_bar = step // self.step
        bars = self.times.floor(step)
        first = int((bars == self.times).argmax()) if (bars == self.times).any() else len(bars)
        whole = (len(bars) - first) // per_bar
        grown = 1 + self.net[first : first + whole * per_bar]
        net = grown.reshape(whole, per_bar, self.net.shape[1]).prod(axis=1) - 1
        return Returns(self.times[first : first + whole * per_bar : per_bar], step, net)


def choice_of_all(variants: Sequence[Returns]) -> Choice:
    """Compare the versions of all variants on the bars that all of them share.

    These are bars of the longest timeframe among them, from the latest first one to the earliest
    last one. Every version is one trial, whatever symbols it trades.
    """
    step = max(one.step for one in variants)
    laid = [one.on(step) for one in variants]
    times = laid[0].times
    for one in laid[1:]:
        times = times.intersection(one.times)
    if not len(times):
        return Choice(None, 0, "the variants share no bars on which versions could be compared")
    parts = []
    for one in laid:
        first = int(one.times.searchsorted(times[0]))
        parts.append(one.net[first : first + len(times)])
    where = f"the {len(times)} bars of {_said(step)} that all variants share"
    return chosen_of(np.concatenate(parts, axis=1), where)


def _said(step: pd.Timedelta) -> str:
    hours = step // FINEST
    return "one day" if hours == 24 else "one hour" if hours == 1 else f"{hours} hours"


@dataclass(frozen=True)
class Tries:
    """What was tried: the judged versions of all variants.

    Parameters
    ----------
    judged
        How many versions these are.
    count
        How many tries: a version of three seeds is three, as on a cluster.
    sharpes
        Annual Sharpe ratios of those that have one.
    """

    judged: int
    count: int
    sharpes: tuple[float, ...]

    @classmethod
    def of(cls, variants: Iterable[tuple[Mapping[str, Any], int]]) -> "Tries":
        """Count those that ``simulation.json`` of each variant tells of.

        Parameters
        ----------
        variants
            What it tells, and the seeds of each version.
        """
        judged = count = 0
        sharpes = list[float]()
        for facts, seeds in variants:
            rows = [row for row in facts["history"] if row["stage"] != "FAILED"]
            judged, count = judged + len(rows), count + len(rows) * seeds
            sharpes += [row["sharpe"] for row in rows if row["sharpe"] is not None]
        return cls(judged, count, tuple(sharpes))

    def deflated(self, scores: Scores, step: pd.Timedelta) -> float | None:
        """Return how likely a Sharpe ratio is above the luck of so many tries; None without one.

        Parameters
        ----------
        scores
            Of whatever was in production, on bars of length ``step``.
        """
        if scores.sr_per_bar is None or scores.skew is None or scores.kurtosis is None:
            return None
        year = YEAR_SECONDS / step.total_seconds()
        known = len(self.sharpes) > 1
        return significance.deflated_sharpe_ratio(
            sharpe=scores.sr_per_bar,
            observations=scores.bars,
            skew=scores.skew,
            kurtosis=scores.kurtosis,
            trials=max(self.count, 1),
            variance=statistics.variance(self.sharpes) / year if known else None,
        )
