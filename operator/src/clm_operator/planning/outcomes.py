"""Former name of :mod:`clm_operator.runs.outcome`, for scripts."""

from clm_operator.runs.outcome import Act, Outcome, fold

__all__ = ["Act", "Outcome", "fold"]
