"""The base of all contract models: camelCase on the wire, closed, frozen, no NaN."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel


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

    def having(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)


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

Name = Annotated[str, Field(min_length=1, max_length=63)]
Text = Annotated[str, Field(max_length=1024)]
LabelText = Annotated[str, Field(max_length=317)]
