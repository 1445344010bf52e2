"""What a model is taught: labels of each bar, and how far each of them looks ahead."""

from clm_api.run import RunSpec
from clm_trainer.own.door import made
from clm_trainer.targets.base import Labels, Target, unlabelled

__all__ = ["Labels", "Target", "create", "unlabelled"]


def create(run: RunSpec) -> Target:
    """Return the target that a run names, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, or it refuses its parameters.
    """
    found: Target = made("clm.targets", run.target.kind, run.target.params, run, "spec.target")
    return found
