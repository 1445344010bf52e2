"""From a run's ``spec.model.features`` to the set that it names."""

from clm_api.errors import SpecError
from clm_api.market_columns import names_beside
from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.own.door import made


def create(spec: RunSpec) -> FeatureSet:
    """Return the feature set that a run asks for, with its parameters.

    Raises
    ------
    SpecError
        No installed package offers it, or it refuses its parameters; or the run fetches something
        beside its bars that nothing uses.
    """
    chosen = spec.model.features
    features: FeatureSet = made(
        "clm.features", chosen.set_, chosen.params, spec, "spec.model.features"
    )
    _require_used(features, spec)
    return features


def _require_used(features: FeatureSet, spec: RunSpec) -> None:
    """Refuse columns and series that are fetched for nothing; an own target may use any."""
    unused = [name for name in names_beside(spec.data) if name not in features.columns]
    if unused and "." not in spec.target.kind:
        field = "spec.data.series" if "." in unused[0] else "spec.data.columns"
        asks = ", ".join(features.columns) or "nothing beside the bars"
        raise SpecError(
            field,
            f"{unused[0]} is used by nothing: remove it, or name a feature set that asks for it; "
            f"{spec.model.features.set_} asks for {asks}",
        )
