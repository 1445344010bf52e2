"""CLM's training runs: bars, features, models, backtests, reports."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clm_trainer.serving.model import ServedModel
    from clm_trainer.serving.production import InProduction


def load(uri: str) -> "ServedModel":
    """Return a published model as ``serving.model.load`` does. Imports what it needs only then.

    >>> clm_trainer.load("s3://clm/runs/trading/btc-eth/UID/manifest.json").position(bars)
    {'BTC/USDT': 0.31, 'ETH/USDT': 0.0}
    """
    from clm_trainer.serving import model

    return model.load(uri)


def in_production(address: str) -> "InProduction":
    """Return what is in production of a schedule as ``serving.production.in_production`` does.

    >>> production = clm_trainer.in_production("s3://clm/production/trading/btc-eth.json")
    >>> production.renewed().position(bars)
    {'BTC/USDT': 0.31, 'ETH/USDT': 0.0}
    """
    from clm_trainer.serving import production

    return production.in_production(address)
