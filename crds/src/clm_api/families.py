"""The model families, and the parameters that each of them takes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

from pydantic.alias_generators import to_camel

from clm_api.base import Model
from clm_api.parameters.boosting import LightgbmParameters, XgboostParameters
from clm_api.parameters.neural import NhitsParameters, PatchtstParameters
from clm_api.parameters.rl import RlV2Parameters, RlV3Parameters
from clm_api.rules import Rule, Ruled


class Family(StrEnum):
    """The model families that a schedule can name."""

    XGBOOST = "xgboost"
    """Gradient-boosted trees by XGBoost."""
    LIGHTGBM = "lightgbm"
    """Gradient-boosted trees by LightGBM."""
    NHITS = "nhits"
    """Neural hierarchical interpolation of the path of returns."""
    PATCHTST = "patchtst"
    """Transformer over patches of the path of returns."""
    RL_V2 = "rl-v2"
    """Double DQN."""
    RL_V3 = "rl-v3"
    """PPO."""

    @property
    def field(self) -> str:
        """Name of its parameters' attribute in ``FamilyParameters``."""
        return self.value.replace("-", "_")


DEFAULT_FOLDS: dict[Family, int] = {
    Family.XGBOOST: 3,
    Family.LIGHTGBM: 3,
    Family.NHITS: 1,
    Family.PATCHTST: 1,
    Family.RL_V2: 1,
    Family.RL_V3: 1,
}
"""Walk-forward folds when ``spec.evaluation.folds`` is null."""


def _only_of(family: Family) -> "Rule[FamilyParameters]":
    name = to_camel(family.field)
    return Rule(
        f"!has(self.{name}) || self.family == '{family}'",
        f"{name} holds parameters of family {family}, and family names another",
        lambda model: getattr(model, family.field) is None or model.family is family,
    )


class FamilyParameters(Ruled):
    """A family and its parameters; only those of that family may be set."""

    rules: ClassVar[Sequence[Rule[Any]]] = tuple(map(_only_of, Family))

    family: Family
    """The model family."""
    xgboost: XgboostParameters | None = None
    """Parameters of family xgboost; measured defaults where absent."""
    lightgbm: LightgbmParameters | None = None
    """Parameters of family lightgbm; measured defaults where absent."""
    nhits: NhitsParameters | None = None
    """Parameters of family nhits; measured defaults where absent."""
    patchtst: PatchtstParameters | None = None
    """Parameters of family patchtst; measured defaults where absent."""
    rl_v2: RlV2Parameters | None = None
    """Parameters of family rl-v2; measured defaults where absent."""
    rl_v3: RlV3Parameters | None = None
    """Parameters of family rl-v3; measured defaults where absent."""

    @property
    def parameters(self) -> Model:
        """The family's parameters, defaults where none are given."""
        given: Model | None = getattr(self, self.family.field)
        return _DEFAULTS[self.family] if given is None else given

    @property
    def seeds(self) -> int:
        """Number of models that are averaged; each is a trial of its own."""
        return int(getattr(self.parameters, "seeds", 1))


_DEFAULTS: dict[Family, Model] = {
    Family.XGBOOST: XgboostParameters(),
    Family.LIGHTGBM: LightgbmParameters(),
    Family.NHITS: NhitsParameters(),
    Family.PATCHTST: PatchtstParameters(),
    Family.RL_V2: RlV2Parameters(),
    Family.RL_V3: RlV3Parameters(),
}
