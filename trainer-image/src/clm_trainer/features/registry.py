"""From a run's ``spec.model.features`` to the set that it names."""

from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.own.door import made


def create(spec: RunSpec) -> FeatureSet:
    """Return the feature set that a run asks for, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, or it refuses its parameters.
    """
    chosen = spec.model.features
    features: FeatureSet = made(
        "clm.features", chosen.set_, chosen.params, spec, "spec.model.features"
    )
    return features
