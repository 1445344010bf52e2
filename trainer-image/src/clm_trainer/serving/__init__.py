"""Published models at work: what a trading bot, the shadow test and the monitor call."""

from clm_trainer.serving.model import Decisions, ServedModel, load

__all__ = ["Decisions", "ServedModel", "load"]
