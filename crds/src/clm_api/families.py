"""The model families: one row says all that the rest of CLM must know of one.

A family's code is the module of its row's name in ``clm_trainer.families``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, create_model
from pydantic.alias_generators import to_camel

from clm_api.base import Model
from clm_api.parameters.boosting import LightgbmParameters, XgboostParameters
from clm_api.parameters.neural import NhitsParameters, PatchtstParameters
from clm_api.parameters.own import CustomParameters
from clm_api.parameters.rl import RlV2Parameters, RlV3Parameters
from clm_api.rules import Rule, Ruled

Flavour = Literal["boosting", "neural", "rl", "all"]
Learns = Literal["target", "path", "reward"]
Reads = Literal["features", "closes"]
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
    learns
        The labels of ``spec.target.kind``, the path of the next returns, or a reward.
    reads
        The features of ``spec.model.features``, or closes alone.
    example
        Its parameters in its sample; without it, the defaults.
    quick
        Parameters with which it trains in a moment, for a try; without it, the defaults.
    """

    title: str
    parameters: type[Model]
    folds: int
    flavour: Flavour
    memory: str
    libraries: tuple[str, ...]
    learns: Learns = "target"
    reads: Reads = "features"
    example: Mapping[str, Any] | None = None
    quick: Mapping[str, Any] | None = None

    @property
    def sample(self) -> dict[str, Any]:
        """Its parameters as a sample shows them."""
        shown = self.parameters.model_validate(self.example or {})
        return shown.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_unset=self.example is not None
        )

    @property
    def needs_parameters(self) -> bool:
        """Whether a schedule must give its parameters: some of them have no default."""
        return any(field.is_required() for field in self.parameters.model_fields.values())


class BlendParameters(Model):
    """Several models whose percentiles are averaged; each member's seeds are trials."""

    members: "Annotated[list[BlendMember], Field(min_length=2, max_length=8)]"
    """The models; they share bars, features and target."""

    @property
    def seeds(self) -> int:
        """Number of models that are averaged."""
        return sum(member.seeds for member in self.members)


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
        learns="path", reads="closes", quick={"maxSteps": 2, "seeds": 1},
    )
    PATCHTST = "patchtst", Row(
        "PatchTST", PatchtstParameters, folds=1,
        flavour="neural", memory="2Gi", libraries=("torch", "neuralforecast", "safetensors"),
        learns="path", reads="closes", quick={"maxSteps": 2, "seeds": 1},
    )
    RL_V2 = "rl-v2", Row(
        "reinforcement learning (DQN)", RlV2Parameters, folds=1,
        flavour="rl", memory="2Gi", libraries=("torch", "stable-baselines3", "safetensors"),
        learns="reward", quick={"totalSteps": 128, "seeds": 1},
    )
    RL_V3 = "rl-v3", Row(
        "reinforcement learning (PPO)", RlV3Parameters, folds=1,
        flavour="rl", memory="2Gi", libraries=("torch", "stable-baselines3", "safetensors"),
        learns="reward", quick={"totalSteps": 128, "seeds": 1},
    )
    BLEND = "blend", Row(
        "blend", BlendParameters, folds=1,
        flavour="all", memory="2Gi", libraries=(),
        example={"members": [{"family": "xgboost"}, {"family": "lightgbm", "seed": 8}]},
    )
    CUSTOM = "custom", Row(
        "own model", CustomParameters, folds=3,
        flavour="boosting", memory="1Gi", libraries=(),
        example={"name": "mypackage.linear", "params": {"alpha": 1.0}},
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
        lambda model: getattr(model, family.field, None) is None or model.family is family,
    )


def _given_of(family: Family) -> "Rule[_Chosen]":
    name = to_camel(family.field)
    return Rule(
        f"self.family != '{family}' || has(self.{name})",
        f"family {family} needs {name}",
        lambda model: model.family is not family or getattr(model, family.field, None) is not None,
    )


_MEMBERS = tuple(family for family in Family if family is not Family.BLEND)


def _rules_of(families: Iterable[Family]) -> "tuple[Rule[_Chosen], ...]":
    all_of_them = tuple(families)
    needed = tuple(family for family in all_of_them if family.row.needs_parameters)
    return (*map(_only_of, all_of_them), *map(_given_of, needed))


class _Chosen(Ruled):
    """A family and its parameters; only those of that family may be set."""

    family: Family
    """The model family."""

    @property
    def parameters(self) -> Model:
        """The family's parameters, defaults where none are given."""
        given: Model | None = getattr(self, self.family.field)
        return self.family.row.parameters() if given is None else given

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

    @property
    def parts(self) -> "tuple[_Chosen, ...]":
        """The models that it is made of: a blend's members, or itself alone."""
        found = self.parameters
        return tuple(found.members) if isinstance(found, BlendParameters) else (self,)

    @property
    def flavour(self) -> Flavour:
        """The image that has the libraries of all its parts."""
        found = {part.family.row.flavour for part in self.parts}
        return found.pop() if len(found) == 1 else "all"

    @property
    def folds(self) -> int:
        """Walk-forward folds where none are given: as few as any of its parts takes."""
        return min(part.family.row.folds for part in self.parts)

    @property
    def learns(self) -> frozenset[Learns]:
        """What its parts learn."""
        return frozenset(part.family.row.learns for part in self.parts)


UNLABELLED = tuple(family.value for family in Family if family.row.learns != "target")
"""Families that learn something else than labels."""
CLOSES_ALONE = tuple(family.value for family in Family if family.row.reads == "closes")
"""Families that are given no features."""


def learns_labels(model: str) -> str:
    """Return the CEL rule that a model of this path, and each member of a blend, learns labels."""
    others = ", ".join(f"'{family}'" for family in UNLABELLED)
    return (
        f"!({model}.family in [{others}]) && ({model}.family != '{Family.BLEND}' || "
        f"!has({model}.blend) || {model}.blend.members.all(m, !(m.family in [{others}])))"
    )


def _field(family: Family) -> Any:
    need = "needed" if family.row.needs_parameters else "measured defaults where absent"
    told = f"Parameters of family {family}; {need}."
    return family.row.parameters | None, Field(default=None, description=told)


class _Member(_Chosen):
    """One model of a blend."""

    rules: ClassVar[Sequence[Rule[Any]]] = (
        *_rules_of(_MEMBERS),
        Rule(
            f"self.family != '{Family.BLEND}'",
            "a blend holds no blend: name its members instead",
            lambda member: member.family is not Family.BLEND,
        ),
    )

    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    """Seed of everything random; null takes the blend's."""


if TYPE_CHECKING:
    BlendMember = _Member
else:
    BlendMember = create_model(
        "BlendMember",
        __base__=_Member,
        __doc__=_Member.__doc__,
        **{family.field: _field(family) for family in _MEMBERS},
    )


class _Any(_Chosen):
    """A family and its parameters; only those of that family may be set."""

    rules: ClassVar[Sequence[Rule[Any]]] = _rules_of(Family)


if TYPE_CHECKING:
    FamilyParameters = _Any
else:
    FamilyParameters = create_model(
        "FamilyParameters",
        __base__=_Any,
        __doc__=_Any.__doc__,
        **{family.field: _field(family) for family in Family},
    )
