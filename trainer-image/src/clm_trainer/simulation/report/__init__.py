"""A simulation's report: what every variant would have earned, and what choosing is worth."""

from clm_trainer.simulation.report.page import Report, Shown, render

__all__ = ["Report", "Shown", "render"]
