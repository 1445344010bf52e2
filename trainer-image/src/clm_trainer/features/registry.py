"""From a feature set's name to what computes it."""

from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.own.door import made

FIELD = "spec.model.features"


def create(spec: RunSpec) -> FeatureSet:
    """Return the feature set that a run asks for, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, it refuses its parameters, it needs a column that is not
        fetched, or its first call on drawn bars fails.
    """
    chosen = spec.model.features
    found: FeatureSet = made("clm.features", chosen.set_, chosen.params, spec, FIELD)
    return found
