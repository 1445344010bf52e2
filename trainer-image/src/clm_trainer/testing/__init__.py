"""Checks for own features, targets and families: call them, or parametrise a test with them."""

from clm_trainer.testing.family import FAMILY_PROMISES, LEARNING_PROMISES, check_family
from clm_trainer.testing.promises import PromisesBrokenError

__all__ = ["FAMILY_PROMISES", "LEARNING_PROMISES", "PromisesBrokenError", "check_family"]
