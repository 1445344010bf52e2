"""What choosing the best of a simulation's versions is worth: the probability of overfitting."""

from dataclasses import dataclass, field

import numpy as np

from clm_api.errors import ClmError
from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.evaluation.significance import probability_of_backtest_overfitting
from clm_trainer.panel import Floats, Panel
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


@dataclass(eq=False)
class Chosen:
    """What the versions of one schedule earned on the last ``periodDays``, version by version.

    Those that were not there yet when these bars began are left out.

    Parameters
    ----------
    panel, funding
        The traded range, as for ``replay``.
    """

    panel: Panel
    spec: RunSpec
    funding: Funding | None
    _returns: list[Floats] = field(default_factory=list)

    @property
    def bars(self) -> int:
        """How many bars the versions are compared on."""
        wanted = round(self.spec.evaluation.period_days * self.panel.bars_per_day)
        return min(wanted, len(self.panel))

    @property
    def window(self) -> Panel:
        """Those bars."""
        return self.panel.window(len(self.panel) - self.bars, len(self.panel))

    @property
    def returns(self) -> Floats:
        """Net returns, shape (bars, versions)."""
        if not self._returns:
            return np.empty((self.bars, 0))
        return np.stack(self._returns, axis=1)

    def add(self, version: PastVersion) -> None:
        """Trade one more version."""
        if version.metrics is None or len(version.percentiles) < self.bars:
            return
        newest = slice(-self.bars, None)
        due = None if self.funding is None else self.funding.rows(newest)
        ranks, sigma = version.percentiles[newest], version.sigma[newest]
        window = self.window
        targets = positions(ranks, sigma, window, self.spec)
        self._returns.append(backtest.net_returns(Play(window, targets, self.spec.cost_bps, due)))

    def choice(self) -> Choice:
        """Compare them."""
        return chosen_of(self.returns, f"the last {self.bars} bars")


def chosen_of(returns: Floats, where: str) -> Choice:
    """Return what choosing the best of some versions is worth.

    Parameters
    ----------
    returns
        Of the same bars, shape (bars, versions).
    where
        Which bars, for people.
    """
    count = returns.shape[1]
    if count < LEAST_VERSIONS:
        return Choice(None, count, f"{count} versions share {where}; {LEAST_VERSIONS} are needed")
    try:
        found = probability_of_backtest_overfitting(returns)
    except ClmError as error:
        return Choice(None, count, error.message)
    return Choice(found.probability, count)
