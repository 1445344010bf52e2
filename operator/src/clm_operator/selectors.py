"""A label selector, as Kubernetes writes it."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from clm_api.base import Model


class SelectorOperator(StrEnum):
    """How a label is held against values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(Model):
    """One condition on labels."""

    key: str
    """The label's name."""
    operator: SelectorOperator
    """How it is held against the values."""
    values: list[str] = Field(default_factory=list)
    """Of In and NotIn."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil it; NotIn is also fulfilled where the label is missing."""
        match self.operator:
            case SelectorOperator.IN:
                return labels.get(self.key) in self.values
            case SelectorOperator.NOT_IN:
                return labels.get(self.key) not in self.values
            case SelectorOperator.EXISTS:
                return self.key in labels
            case SelectorOperator.DOES_NOT_EXIST:
                return self.key not in labels


class LabelSelector(Model):
    """Conditions that must all hold."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    """Labels with the values that they must have."""
    match_expressions: list[Requirement] = Field(default_factory=list)
    """Further conditions."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil all of it."""
        wanted = self.match_labels.items()
        return all(labels.get(key) == value for key, value in wanted) and all(
            requirement.holds(labels) for requirement in self.match_expressions
        )
