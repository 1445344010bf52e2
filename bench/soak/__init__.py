"""60 days of 12 schedules on a moved clock, with 40 kills; a checker of its own says what is wrong.

The operator, the API server, the Job controller and MinIO are the real ones. Pods are played. What
finds faults (``sight``, ``slots``, ``check``, ``growth``) shares no code with the operator.
"""

from bench.scale import ROOT

__all__ = ["ROOT"]
