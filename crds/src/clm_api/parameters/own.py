"""How a schedule names code that CLM does not know: entry points, and their parameters."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from clm_api.base import Model

MOST_PARAMETER_BYTES = 4096
"""All parameters of one name, as JSON: a run's whole spec is one variable of its pod."""

OwnName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$", min_length=1, max_length=128),
]
"""The name of an entry point, such as ``mypackage.momentum``; CLM's own have no dot."""


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value)) > MOST_PARAMETER_BYTES:
        raise PydanticCustomError(
            "too_large", "has more than {most} bytes of JSON", {"most": MOST_PARAMETER_BYTES}
        )
    return value


Params = Annotated[
    dict[str, JsonValue],
    Field(max_length=64, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
    AfterValidator(_small),
]
"""Parameters that the named code checks itself."""


class FeaturesSpec(Model):
    """Which features a model is given."""

    set_: Annotated[OwnName, Field(alias="set")] = "standard"
    """Entry point of group clm.features; standard is CLM's own 38."""
    params: Params = Field(default={})
    """What the set is told; its own model checks them."""


class CustomParameters(Model):
    """A model of another package."""

    name: OwnName
    """Entry point of group clm.families, such as mypackage.linear."""
    seeds: Annotated[int, Field(ge=1, le=16)] = 1
    """Models that it averages, each of which counts as a trial; the family is told the number as
    its parameter seeds, and one without that parameter trains a single model."""
    params: Params = Field(default={})
    """What the family is told; its own model checks them."""
