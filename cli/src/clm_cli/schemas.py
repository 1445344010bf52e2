"""The schemas of the resources, and what the API server makes of a value before it reads it."""

from functools import cache
from typing import Any

from clm_api.crdgen import crds

Schema = dict[str, Any]


@cache
def schema_of(kind: str) -> Schema:
    """Return a kind's schema."""
    definition = next(d for d in crds().values() if d["spec"]["names"]["kind"] == kind)
    schema: Schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def given(schema: Schema, value: Any) -> Any:
    """Return a value without the nulls that the API server takes as absent."""
    if isinstance(value, list):
        return [given(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    rest = schema.get("additionalProperties")
    rest = rest if isinstance(rest, dict) else None
    children = {name: schema.get("properties", {}).get(name, rest) for name in value}
    return {
        name: given(children[name] or {}, child)
        for name, child in value.items()
        if child is not None or children[name] is None
    }
