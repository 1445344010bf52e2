"""What a version's own backtest promised, deflated for the selection that it came from."""

import io
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.replay import Contender
from clm_api.run import RunTrials
from clm_trainer.evaluation.metrics import sharpe_per_bar
from clm_trainer.evaluation.significance import expected_maximum_sharpe
from clm_trainer.panel import Floats
from clm_trainer.serving.artifact import read_artifact

EQUITY = "equity.parquet"
_WIDEST = 1e3
"""No bar of a backtest has such a return; NaN is none either."""


@dataclass(frozen=True, eq=False)
class Promise:
    """A backtest's returns, and the mean that may be expected after it.

    Parameters
    ----------
    returns
        Net returns of the backtest, shape (bars,).
    sharpe
        Sharpe ratio per bar, less what the best of all tries would reach by luck; at least 0.
    """

    returns: Floats
    sharpe: float

    @property
    def shifted(self) -> Floats:
        """The backtest's returns, moved to the promised mean."""
        moved: Floats = self.returns - self.returns.mean() + self.mean
        return moved

    @property
    def mean(self) -> float:
        """Promised mean return of a bar."""
        return self.sharpe * float(self.returns.std(ddof=1))

    def annual_sharpe(self, bars_per_year: float) -> float:
        """Return the promised Sharpe ratio, annualised."""
        return self.sharpe * math.sqrt(bars_per_year)


def promised(returns: Floats, trials: RunTrials) -> Promise | None:
    """Return what a backtest promises; None where its returns have no variance.

    The luck of the best of N worthless tries is taken off (Bailey & López de Prado 2014). A
    version is never expected to lose, however many tries there were: below 0 the promise is 0.

    Parameters
    ----------
    returns
        Net returns, shape (bars,).
    """
    sharpe = sharpe_per_bar(returns)
    if sharpe is None:
        return None
    known = trials.sharpe_variance
    variance = 1 / (len(returns) - 1) if known is None else known
    luck = expected_maximum_sharpe(trials=trials.count, variance=variance)
    return Promise(returns, max(0.0, sharpe - luck))


def promise_of(champion: Contender, trials: RunTrials) -> Promise | None:
    """Read the backtest of a published version and return what it promised.

    Raises
    ------
    ClmError
        ArtifactCorrupt: the file is missing, differs from its digest, or has no returns.
        StorageDenied, StorageUnavailable.
    """
    artifact = read_artifact(champion.uri, champion.sha256, lambda name: name == EQUITY)
    content = artifact.files.get(EQUITY)
    if content is None:
        raise ClmError(Reason.ARTIFACT_CORRUPT, f"{artifact.address} lists no {EQUITY}")
    try:
        returns = pd.read_parquet(io.BytesIO(content))["net_return"].to_numpy(np.float64)
    except (ValueError, KeyError, OSError) as error:
        raise _without_returns(artifact.address) from error
    if not (len(returns) and (np.abs(returns) < _WIDEST).all()):
        raise _without_returns(artifact.address)
    return promised(returns, trials)


def _without_returns(address: str) -> ClmError:
    text = f"{address}: {EQUITY} has no net returns: train a new version"
    return ClmError(Reason.ARTIFACT_CORRUPT, text)
