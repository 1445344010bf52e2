"""Feature sets: what models are given of bars, block by block or bar by bar."""

from clm_trainer.features.base import FeatureSet, FeatureStream
from clm_trainer.features.standard import RL_NAMES, STANDARD, WARM_UP_BARS
from clm_trainer.features.table import FeatureTable, TableStream, build_features, code_hash

__all__ = [
    "RL_NAMES",
    "STANDARD",
    "WARM_UP_BARS",
    "FeatureSet",
    "FeatureStream",
    "FeatureTable",
    "TableStream",
    "build_features",
    "code_hash",
]
