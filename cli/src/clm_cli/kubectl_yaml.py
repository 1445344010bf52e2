"""Manifest files as kubectl reads them: the values that it would send to the API server.

kubectl turns YAML into JSON with sigs.k8s.io/yaml, which stands on version 2 of Go's yaml: ``yes``
and ``on`` are booleans, ``010`` is eight, ``1e2`` a hundred, and ``12:30`` is text. A key that is
written twice takes its last value.
"""

import base64
import json
import math
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
_PLAIN = "tag:clm.dev,2026:plain"
_SCALARS = ("bool", "int", "float", "null", "timestamp")
_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_WORDS: dict[str, Any] = (
    dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False) | dict.fromkeys(_NULL)
)
_NOT_FINITE = (
    dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
    | dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf)
    | dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf)
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))", re.ASCII
)
_BASES = (16, 2, 8, 10)
_LEAST, _MOST = -(2**63), 2**64 - 1
_DIGITS = 20
"""More digits are no integer of 64 bits."""
_MOST_NODES, _LARGEST_GROWTH = 400_000, 10


class UnreadableError(Exception):
    """The text is no YAML, or holds what JSON can't say."""


@dataclass
class Read:
    """One document of a file.

    Parameters
    ----------
    value
        What it says, as JSON: texts, numbers, booleans, None, lists, objects.
    twice
        Keys that stand in it more than once; the last one counts.
    """

    value: Any
    twice: list[str] = field(default_factory=list)


def documents(text: str) -> Iterator[Read]:
    """Yield a file's documents in order; empty ones are left out.

    Raises
    ------
    UnreadableError
        The text is no YAML, or holds what JSON can't say.
    """
    rest = yield from _json_stream(text)
    for chunk in _chunks(rest):
        found = _yaml(chunk)
        if found.value is not None:
            yield found


def _json_stream(text: str) -> Generator[Read, None, str]:
    """Yield the JSON objects that a text begins with; return what is left."""
    decoder = json.JSONDecoder(parse_constant=_refused, parse_int=_whole, parse_float=_number)
    rest = text.lstrip("\ufeff").lstrip()
    while rest.startswith("{"):
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            return rest
        except RecursionError as error:
            raise UnreadableError(str(error)) from error
        yield Read(value)
        rest = rest[end:].lstrip()
    return rest


def _refused(word: str) -> Any:
    raise ValueError(word)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else _number(digits)


def _number(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise UnreadableError(f"{text[:20]}… is larger than any number that JSON knows here")


def _chunks(text: str) -> Iterator[str]:
    """Split at lines that begin with three dashes, as kubectl does before it reads any YAML."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("---"):
            lines.append(line)
            continue
        if (after := line[3:].strip()) and not after.startswith("#"):
            raise UnreadableError(f'"---" is followed by "{after[:40]}": begin a new line')
        yield "".join(lines)
        lines = []
    yield "".join(lines)


def _yaml(text: str) -> Read:
    try:
        loader = _Loader(text)
        node = None if loader.check_event(yaml.StreamEndEvent) else loader.first_node()
        _require_no_bomb(node)
        value = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(" ".join(str(error).split())) from error
    return Read(value, loader.twice)


def _require_no_bomb(node: yaml.Node | None) -> None:
    """Refuse a few lines that anchors of anchors blow up to millions of values."""
    sizes: dict[int, int] = {}
    written_out = 0 if node is None else _written_out(node, sizes)
    if written_out > max(_MOST_NODES, _LARGEST_GROWTH * len(sizes)):
        raise UnreadableError(f"its aliases stand for {written_out} values: excessive aliasing")


def _written_out(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many nodes there are once each alias is written out; by id, so once each."""
    if id(node) not in sizes:
        sizes[id(node)] = 0  # what holds itself is refused when it is read
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        below = node.value if isinstance(node, yaml.SequenceNode) else chain(*pairs)
        sizes[id(node)] = 1 + sum(_written_out(one, sizes) for one in below)
    return sizes[id(node)]


class _Loader(yaml.SafeLoader):
    """Composes as PyYAML does, and gives scalars the meaning that Go's yaml gives them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[str] = []

    def first_node(self) -> Any:
        """Return the first document; what follows "..." is not looked at."""
        self.get_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.StreamEndEvent):
            return None
        self.get_event()  # type: ignore[no-untyped-call]
        return self.compose_node(None, None)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node; an anchor that comes again means its newest node."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Tell plain scalars, whose text says what they are, from quoted ones."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_TAG}str"
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]

    def mapping(self, node: yaml.Node) -> dict[str, Any]:
        """Return an object: later keys, merged ones too, replace earlier ones."""
        if not isinstance(node, yaml.MappingNode):
            raise UnreadableError(_at(node, "only objects can be merged or hold keys"))
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and key_node.tag in (_PLAIN, f"{_TAG}merge"):
                for one in reversed(_merged(value_node)):
                    found |= self.mapping(one)
                continue
            key = _key(self.construct_object(key_node, deep=True), key_node)
            if key in found:
                self.twice.append(f"line {key_node.start_mark.line + 1}: {key}")
            found[key] = self.construct_object(value_node, deep=True)
        return found

    def scalar(self, node: yaml.ScalarNode) -> Any:
        """Return the value of a scalar."""
        tag, text = node.tag.removeprefix(_TAG), str(node.value)
        if node.tag == _PLAIN:
            return _finite(node, _resolved(text))
        if tag in _SCALARS:
            return _finite(node, _tagged(node, tag, _resolved(text)))
        if tag == "binary":
            try:
                return base64.b64decode("".join(text.split()), validate=True).decode()
            except ValueError as error:
                raise UnreadableError(_at(node, f"!!binary: {error}")) from error
        return text

    def any(self, suffix: str, node: yaml.Node) -> Any:
        """Return a value; tags that nobody knows are not looked at."""
        del suffix
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.construct_object(one, deep=True) for one in node.value]
        return self.mapping(node)


_Loader.yaml_constructors = {}
_Loader.add_multi_constructor("", _Loader.any)


def _merged(node: yaml.Node) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def _key(value: Any, node: yaml.Node) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise UnreadableError(_at(node, "a key is neither text nor number"))


def _resolved(text: str) -> Any:
    """Return what a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    plain = text if text[:1] == "." else text.replace("_", "")
    if text[:1] not in "+-.0123456789":
        return text
    if (found := _INTEGER.fullmatch(plain)) is not None:
        digits = found.groups()[1:]
        base, written = next((b, d) for b, d in zip(_BASES, digits, strict=True) if d is not None)
        # Python converts no decimal number of thousands of digits.
        short = base != 10 or len(written) <= _DIGITS
        value = int(f"{found[1]}{written}", base) if short else _MOST + 1
        if _LEAST <= value <= (_MOST if not found[1] else 2**63 - 1):
            return value
    if _FLOAT.fullmatch(plain) is not None and math.isfinite(number := float(plain)):
        return number
    return text


def _tagged(node: yaml.Node, tag: str, value: Any) -> Any:
    """Hold a value against the tag that it was written with."""
    kinds = {"bool": bool, "int": int, "float": float, "null": type(None), "timestamp": str}
    if tag == "float" and type(value) is int:
        return float(value)
    if type(value) is not kinds[tag]:
        raise UnreadableError(_at(node, f"it can't be read as !!{tag}"))
    return value


def _finite(node: yaml.Node, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise UnreadableError(_at(node, "JSON knows no such number"))
    return value


def _at(node: yaml.Node, problem: str) -> str:
    shown = f'"{node.value}": ' if isinstance(node, yaml.ScalarNode) else ""
    return f"line {node.start_mark.line + 1}: {shown}{problem}"


def whole(value: Any) -> Any:
    """Return a value as the API server holds it: a number without a fraction is an integer.

    One of more than 64 bits is not.
    """
    if isinstance(value, float | int) and not isinstance(value, bool):
        short = abs(value) < 2**63 and float(value).is_integer()
        return int(value) if short else float(value)
    if isinstance(value, Mapping):
        return {key: whole(child) for key, child in value.items()}
    return [whole(child) for child in value] if isinstance(value, list) else value
