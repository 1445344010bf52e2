"""Checks for own features, targets and families: call them, or parametrise a test with them."""

from clm_trainer.testing.family import FAMILY_PROMISES, LEARNING_PROMISES, check_family
from clm_trainer.testing.features import FEATURES_PROMISES, check_features
from clm_trainer.testing.promises import PromisesBrokenError
from clm_trainer.testing.target import TARGET_PROMISES, check_target

__all__ = [
    "FAMILY_PROMISES",
    "FEATURES_PROMISES",
    "LEARNING_PROMISES",
    "TARGET_PROMISES",
    "PromisesBrokenError",
    "check_family",
    "check_features",
    "check_target",
]
