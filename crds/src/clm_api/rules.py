"""What fields must be to each other: said once, in CEL for the API server and in Python for us."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from clm_api.base import Model

BROKEN = "rule_broken"
"""Type of the errors by which a rule is told; their message is the rule's own."""
_T = TypeVar("_T")
_Schema = dict[str, Any]


@dataclass(frozen=True)
class Rule(Generic[_T]):
    """A rule of a field, beside it in ``Annotated``, or of a model, in its ``rules``.

    Parameters
    ----------
    cel
        The rule as the API server reads it; ``self`` is the field's value, or the object.
    message
        What must be, or what to do.
    holds
        The rule as Python reads it, of the same value.
    """

    cel: str
    message: str
    holds: Callable[[_T], bool]

    @property
    def error(self) -> PydanticCustomError:
        """What says that the rule is broken."""
        return PydanticCustomError(BROKEN, "{message}", {"message": self.message})

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of a field that keeps the rule."""
        return core_schema.no_info_after_validator_function(self._kept, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> _Schema:
        """Return the JSON schema with the rule."""
        return _with_rules(handler(schema), [self])

    def _kept(self, value: _T) -> _T:
        if not self.holds(value):
            raise self.error
        return value


@dataclass(frozen=True)
class Unchanging:
    """The mark of a field that no update changes: only the API server sees what was before."""

    message: str
    """Why it does not."""
    cel: ClassVar[str] = "self == oldSelf"

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> _Schema:
        """Return the JSON schema with the rule."""
        return _with_rules(handler(schema), [self])


class Ruled(Model):
    """A model whose fields depend on one another."""

    rules: ClassVar[Sequence[Rule[Any] | Unchanging]] = ()
    checked_whole = True

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        told = [rule for rule in self.rules if isinstance(rule, Rule)]
        broken = [rule for rule in told if not rule.holds(self)]
        if broken:
            raise ValidationError.from_exception_data(
                type(self).__name__, [{"type": rule.error, "input": self} for rule in broken]
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> _Schema:
        """Return the JSON schema with the rules."""
        made = handler(schema)
        _with_rules(handler.resolve_ref_schema(made), cls.rules)
        return made


def validations(rules: Sequence[Rule[Any] | Unchanging]) -> list[dict[str, str]]:
    """Return rules as a definition writes them."""
    return [{"rule": rule.cel, "message": rule.message} for rule in rules]


def _with_rules(schema: _Schema, rules: Sequence[Rule[Any] | Unchanging]) -> _Schema:
    if rules:
        schema["x-kubernetes-validations"] = validations(rules)
    return schema


def _distinct(values: list[_T]) -> list[_T]:
    if len(set(values)) < len(values):
        raise PydanticCustomError(BROKEN, "holds a value twice")
    return values


DISTINCT = AfterValidator(_distinct)
"""What ``x-kubernetes-list-type: set`` asks of a list."""
