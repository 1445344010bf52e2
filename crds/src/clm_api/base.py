"""The base of all contract models: camelCase on the wire, closed, frozen, no NaN."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema


class Model(BaseModel):
    """What people and other programs write: unknown fields are errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        defer_build=True,
    )

    def to_json_dict(self) -> dict[str, Any]:
        """Return the wire form without fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    checked_whole: ClassVar[bool] = False
    """Whether its fields depend on one another, so that a copy is checked as a whole."""

    def having(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields, checked as if they had been read.

        The fields that are not named are shared with this one, and are not checked again unless
        they depend on one another. mypy knows names and types of the arguments from the model's
        fields (``tools/types``).

        Raises
        ------
        pydantic.ValidationError
            The model has no such field, the field can't have that value, or a rule is broken.
        """
        if self.checked_whole:
            return self.model_validate(dict(self) | changes)
        made = self.model_copy()
        present = self.__dict__
        for name, value in changes.items():
            if name not in present or present[name] is not value:
                type(self).__pydantic_validator__.validate_assignment(made, name, value)
        return made


class StatusModel(Model):
    """What the operator wrote, perhaps another version of it: unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore")


def _utc_text(value: Any) -> str:
    return f"{value.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _in_utc(value: datetime) -> datetime:
    """Return the same moment in UTC; an offset may carry it out of all years."""
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it lies outside the years 1 to 9999 in UTC") from error


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
]
"""An aware UTC time, whole seconds on the wire, as Kubernetes writes its own times."""


def _rounded(value: float) -> float:
    return round(value, 6) + 0.0  # -0.0 is written as 0.0


Rounded = Annotated[float, PlainSerializer(_rounded, return_type=float, when_used="json")]
"""A number for people: six digits in the resource, full precision in the files."""

DURATION_PATTERN = r"^[1-9][0-9]{0,4}(m|h|d)$"
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=6)]
"""A whole number of minutes, hours or days, such as 6h."""

Quantity = Annotated[
    str,
    Field(
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$",
        max_length=32,
        json_schema_extra={"x-kubernetes-int-or-string": True, "minimum": 0},
    ),
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
]
"""A Kubernetes quantity; users write ``cpu: 2`` as well as ``memory: 4Gi``."""


@dataclass(frozen=True)
class Cut:
    """Words for people, such as ``Annotated[str, Cut(256)]``: CLM cuts those that it writes.

    Longer ones in JSON that somebody else wrote are refused. Names, addresses and digests have
    ``Field(max_length=…)`` instead: cut, they would be others.
    """

    limit: int
    """Most characters."""

    def __get_pydantic_core_schema__(
        self, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a text that is cut where it comes from Python, and refused where from JSON."""
        fits = core_schema.str_schema(max_length=self.limit)
        cut = core_schema.no_info_before_validator_function(self._fitting, fits)
        return core_schema.json_or_python_schema(fits, cut)

    def _fitting(self, value: Any) -> Any:
        return value[: self.limit] if isinstance(value, str) else value


Text = Annotated[str, Cut(1024)]
"""A sentence or two."""
Word = Annotated[str, Cut(64)]
"""A reason."""
Name = Annotated[str, Field(min_length=1, max_length=63)]
Exact = Annotated[str, Field(max_length=1024)]
"""An address or a name of others' making."""
LabelText = Annotated[str, Field(max_length=317)]
