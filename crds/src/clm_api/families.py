"""The model families: one row says all that the rest of CLM must know of one.

A family's code is the module of its row's name in ``clm_trainer.families``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, create_model
from pydantic.alias_generators import to_camel

from clm_api.base import Model
from clm_api.parameters.boosting import LightgbmParameters, XgboostParameters
from clm_api.parameters.neural import NhitsParameters, PatchtstParameters
from clm_api.parameters.rl import RlV2Parameters, RlV3Parameters
from clm_api.rules import Rule, Ruled

Flavour = Literal["boosting", "neural", "rl"]
_P = TypeVar("_P", bound=Model)


@dataclass(frozen=True)
class Row:
    """What one family is.

    Parameters
    ----------
    title
        Its name for people.
    parameters
        What a schedule may set; the defaults are the measured ones.
    folds
        Walk-forward folds when ``spec.evaluation.folds`` is null.
    flavour
        Of the trainer's image: an extra of its project, and one image of the chart.
    memory
        What its pod requests, unless the configuration says otherwise.
    libraries
        Packages that its numbers depend on, besides those of every run.
    """

    title: str
    parameters: type[Model]
    folds: int
    flavour: Flavour
    memory: str
    libraries: tuple[str, ...]

    @cached_property
    def defaults(self) -> Model:
        """Its parameters where none are given."""
        return self.parameters()


class Family(StrEnum):
    """The model families that a schedule can name."""

    row: Row

    def __new__(cls, name: str, row: Row) -> Self:
        """Return the name with its row."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.row = row
        return member

    # fmt: off
    XGBOOST = "xgboost", Row(
        "XGBoost", XgboostParameters, folds=3,
        flavour="boosting", memory="1Gi", libraries=("xgboost",),
    )
    LIGHTGBM = "lightgbm", Row(
        "LightGBM", LightgbmParameters, folds=3,
        flavour="boosting", memory="1Gi", libraries=("lightgbm",),
    )
    NHITS = "nhits", Row(
        "N-HiTS", NhitsParameters, folds=1,
        flavour="neural", memory="2Gi", libraries=("torch", "neuralforecast", "safetensors"),
    )
    PATCHTST = "patchtst", Row(
        "PatchTST", PatchtstParameters, folds=1,
        flavour="neural", memory="2Gi", libraries=("torch", "neuralforecast", "safetensors"),
    )
    RL_V2 = "rl-v2", Row(
        "reinforcement learning (DQN)", RlV2Parameters, folds=1,
        flavour="rl", memory="2Gi", libraries=("torch", "stable-baselines3", "safetensors"),
    )
    RL_V3 = "rl-v3", Row(
        "reinforcement learning (PPO)", RlV3Parameters, folds=1,
        flavour="rl", memory="2Gi", libraries=("torch", "stable-baselines3", "safetensors"),
    )
    # fmt: on

    @property
    def field(self) -> str:
        """Name of its parameters' attribute in ``FamilyParameters``, and of its module."""
        return self.value.replace("-", "_")


def _only_of(family: Family) -> "Rule[_Chosen]":
    name = to_camel(family.field)
    return Rule(
        f"!has(self.{name}) || self.family == '{family}'",
        f"{name} holds parameters of family {family}, and family names another",
        lambda model: getattr(model, family.field) is None or model.family is family,
    )


class _Chosen(Ruled):
    """A family and its parameters; only those of that family may be set."""

    rules: ClassVar[Sequence[Rule[Any]]] = tuple(map(_only_of, Family))

    family: Family
    """The model family."""

    @property
    def parameters(self) -> Model:
        """The family's parameters, defaults where none are given."""
        given: Model | None = getattr(self, self.family.field)
        return self.family.row.defaults if given is None else given

    def parameters_as(self, kind: type[_P]) -> _P:
        """Return the family's parameters, of which the caller knows the kind.

        Raises
        ------
        TypeError
            They are of another family.
        """
        found = self.parameters
        if not isinstance(found, kind):
            raise TypeError(f"family {self.family} has no {kind.__name__}")
        return found

    @property
    def seeds(self) -> int:
        """Number of models that are averaged; each is a trial of its own."""
        return int(getattr(self.parameters, "seeds", 1))


def _field(family: Family) -> Any:
    told = f"Parameters of family {family}; measured defaults where absent."
    return family.row.parameters | None, Field(default=None, description=told)


if TYPE_CHECKING:
    FamilyParameters = _Chosen
else:
    FamilyParameters = create_model(
        "FamilyParameters",
        __base__=_Chosen,
        __doc__=_Chosen.__doc__,
        **{family.field: _field(family) for family in Family},
    )
