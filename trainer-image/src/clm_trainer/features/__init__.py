"""The 38 scale-free features that all families can use."""

from clm_trainer.features.table import (
    RL_NAMES,
    WARM_UP_BARS,
    FeatureTable,
    build_features,
    code_hash,
)

__all__ = ["RL_NAMES", "WARM_UP_BARS", "FeatureTable", "build_features", "code_hash"]
