"""The tear sheet: everything about a run that a person needs to trust or refuse it, in one file."""

from clm_trainer.tearsheet.holes import Coverage, Hole
from clm_trainer.tearsheet.sheet import TearSheet, render
from clm_trainer.tearsheet.verdict import Production

__all__ = ["Coverage", "Hole", "Production", "TearSheet", "render"]
