"""What choosing the best of a simulation's versions is worth: the probability of overfitting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clm_api.errors import ClmError
from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.evaluation.significance import probability_of_backtest_overfitting
from clm_trainer.panel import Panel
from clm_trainer.simulation.replay import positions
from clm_trainer.simulation.version import PastVersion

LEAST_VERSIONS = 10


@dataclass(frozen=True)
class Choice:
    """The estimate, or why there is none.

    Parameters
    ----------
    probability
        PBO: how often the best version on one half of the bars is mediocre on the other.
    versions
        Those that share the bars.
    reason
        Why the probability is unknown, else empty.
    """

    probability: float | None
    versions: int
    reason: str = ""


def choice_of(
    versions: Sequence[PastVersion], panel: Panel, spec: RunSpec, funding: Funding | None
) -> Choice:
    """Compare all versions that were there before the last ``periodDays``, on those bars.

    Parameters
    ----------
    panel, funding
        The traded range, as for ``replay``.
    """
    bars = min(round(spec.evaluation.period_days * panel.bars_per_day), len(panel))
    shared = [v for v in versions if v.metrics is not None and len(v.percentiles) >= bars]
    if len(shared) < LEAST_VERSIONS:
        reason = f"{len(shared)} versions share the last {bars} bars; {LEAST_VERSIONS} are needed"
        return Choice(None, len(shared), reason)
    window = panel.window(len(panel) - bars, len(panel))
    newest = slice(-bars, None)
    due = None if funding is None else funding.rows(newest)
    plays = [
        Play(
            window, positions(v.percentiles[newest], v.sigma[newest], window, spec),
            spec.cost_bps, due,
        )
        for v in shared
    ]  # fmt: skip
    returns = [backtest.net_returns(play) for play in plays]
    try:
        found = probability_of_backtest_overfitting(np.stack(returns, axis=1))
    except ClmError as error:
        return Choice(None, len(shared), error.message)
    return Choice(found.probability, len(shared))
