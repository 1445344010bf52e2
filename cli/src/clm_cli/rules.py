"""The CEL rules of the resources, checked without an API server.

The rules and their messages stand in the models once; here stands only how Python reads each rule.
A test fails when a model gains a rule that is missing here.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from clm_api.crdgen import crds
from clm_api.families import FAMILY_RULES
from clm_api.training_schedule import DEFAULT_ENTRY_PERCENTILE

Schema = dict[str, Any]
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def _only_own(rule: str) -> Callable[[Any], bool]:
    """Read ``!has(self.field) || self.family == 'family'``."""
    field, family = rule.removeprefix("!has(self.").removesuffix("'").split(") || self.family == '")
    return lambda m: field not in m or m["family"] == family


_READINGS: dict[str, Callable[[Any], bool]] = {
    "has(self.schedule) != has(self.interval)": lambda s: ("schedule" in s) != ("interval" in s),
    "self.data.lookbackDays >= self.evaluation.periodDays + 180": lambda s: (
        s["data"]["lookbackDays"] >= s["evaluation"]["periodDays"] + 180
    ),
    "(has(self.target.entryPercentile) ? self.target.entryPercentile : "
    "self.target.positions == 'longFlat' ? 0.75 : 0.85) > self.target.exitPercentile": lambda s: (
        s["target"].get("entryPercentile", DEFAULT_ENTRY_PERCENTILE[s["target"]["positions"]])
        > s["target"]["exitPercentile"]
    ),
    "self.target.positions == 'longFlat' || self.data.market == 'usdm'": lambda s: (
        s["target"]["positions"] == "longFlat" or s["data"]["market"] == "usdm"
    ),
    "self.market == 'usdm' || self.symbols.all(s, !s.contains(':'))": lambda d: (
        d["market"] == "usdm" or not any(":" in s for s in d["symbols"])
    ),
    "self.symbols.all(s, !s.contains(':') || s.split(':')[0].endsWith('/' + s.split(':')[1]))": (
        lambda d: all(
            ":" not in s or s.split(":")[0].endswith("/" + s.split(":")[1]) for s in d["symbols"]
        )
    ),
    "self.symbols.all(s, s.contains(':') || !(s + ':' + s.split('/')[1] in self.symbols))": (
        lambda d: all(
            ":" in s or f"{s}:{s.split('/')[1]}" not in d["symbols"] for s in d["symbols"]
        )
    ),
    "!self.ownTrades || has(self.secretRef)": lambda d: not d["ownTrades"] or "secretRef" in d,
    "self.costs.slippage == 'Fixed' || self.data.ownTrades": lambda s: (
        s["costs"]["slippage"] == "Fixed" or s["data"]["ownTrades"]
    ),
    "!self.contains('TZ')": lambda s: "TZ" not in s,
    "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') "
    "&& self.metadata.name.size() <= 52": lambda s: (
        _NAME.fullmatch(s["metadata"]["name"]) is not None and len(s["metadata"]["name"]) <= 52
    ),
    "self == oldSelf": lambda _: True,
    "self.hiddenSize % self.heads == 0": lambda p: p["hiddenSize"] % p["heads"] == 0,
    "self.patchBars <= self.inputBars": lambda p: p["patchBars"] <= p["inputBars"],
} | {r["rule"]: _only_own(r["rule"]) for r in FAMILY_RULES}


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


def broken_rules(kind: str, resource: dict[str, Any], path: str = "") -> list[str]:
    """Return the messages of the rules that a resource breaks, each with its field's path.

    Parameters
    ----------
    resource
        With defaults filled in and without fields that are null.
    path
        Of the field that ``resource`` is the value of, such as ``spec.data``; "" for all of it.
    """
    schema = schema_of(kind)
    for part in path.split(".") if path else ():
        schema = schema["properties"][part]
    return list(_broken(schema, resource, path))


def is_bound(rule: str) -> bool:
    """Whether a rule only repeats a field's own minimum, which the models check."""
    return re.fullmatch(r"self >= [-0-9.e]+", rule) is not None


def _broken(schema: Schema, value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", []):
        if not is_bound(rule["rule"]) and not _READINGS[rule["rule"]](value):
            yield f"{path or 'metadata.name'}: {rule['message']}"
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from _broken(child, value[name], f"{path}.{name}" if path else name)
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _broken(schema.get("items", {}), item, f"{path}[{i}]")
    if schema.get("x-kubernetes-list-type") == "set" and len(set(value)) < len(value):
        yield f"{path}: holds a value twice"
