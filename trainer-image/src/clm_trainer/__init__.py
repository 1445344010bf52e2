"""CLM's training runs: bars, features, models, backtests, reports."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clm_trainer.serving.model import ServedModel


def load(uri: str) -> "ServedModel":
    """Return a published model as ``serving.model.load`` does. Imports what it needs only then.

    >>> clm_trainer.load("s3://clm/runs/trading/btc-eth/UID/manifest.json").position(bars)
    {'BTC/USDT': 0.31, 'ETH/USDT': 0.0}
    """
    from clm_trainer.serving import model

    return model.load(uri)
