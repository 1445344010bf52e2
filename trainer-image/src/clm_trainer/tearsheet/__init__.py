"""The tear sheet: everything about a run that a person needs to trust or refuse it, in one file."""

from clm_trainer.tearsheet.sheet import Coverage, Hole, TearSheet, render

__all__ = ["Coverage", "Hole", "TearSheet", "render"]
