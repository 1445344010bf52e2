"""Which labels a selector matches, as the API server's own documentation has it."""

from dataclasses import dataclass, field
from operator import attrgetter

import pytest
from pydantic import ValidationError

from clm_operator.selectors import LabelSelector
from tests.operator.units import builders as b


@dataclass(frozen=True)
class Case:
    name: str
    selector: dict[str, object]
    matches: bool
    labels: dict[str, str] = field(default_factory=lambda: {"team": "quant", "serve": ""})


def _one(key: str, operator: str, *values: str) -> dict[str, object]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


CASES = [
    Case("an empty one matches everything", {}, True),
    Case("a label with its value", {"matchLabels": {"team": "quant"}}, True),
    Case("a label with another value", {"matchLabels": {"team": "risk"}}, False),
    Case("a label that is missing", {"matchLabels": {"stage": "prod"}}, False),
    Case("one of two labels", {"matchLabels": {"team": "quant", "stage": "prod"}}, False),
    Case("a value among some", _one("team", "In", "risk", "quant"), True),
    Case("a value among none of them", _one("team", "In", "risk"), False),
    Case("In without the label", _one("stage", "In", "prod"), False),
    Case("NotIn with another value", _one("team", "NotIn", "risk"), True),
    Case("NotIn with the value", _one("team", "NotIn", "quant"), False),
    Case("NotIn without the label", _one("stage", "NotIn", "prod"), True),
    Case("Exists with an empty value", _one("serve", "Exists"), True),
    Case("Exists without the label", _one("stage", "Exists"), False),
    Case("DoesNotExist with the label", _one("team", "DoesNotExist"), False),
    Case("DoesNotExist without the label", _one("stage", "DoesNotExist"), True),
    Case("labels and expressions together",
         {"matchLabels": {"team": "quant"}} | _one("serve", "DoesNotExist"), False),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_selector(case: Case) -> None:
    assert LabelSelector.model_validate(case.selector).matches(case.labels) == case.matches


SETTINGS = [
    ({"watchNamespaces": ["one", "two"]}, (False, ["one", "two"])),
    ({"watchNamespaces": ["*"]}, (True, ["*"])),
    ({"watchNamespaces": [], "watchNamespaceSelector": {"matchLabels": {"a": "b"}}}, (True, ["*"])),
    ({"watchNamespaces": []}, None),
    ({"watchNamespaces": ["*", "one"]}, None),
    ({"watchNamespaces": ["one"], "watchNamespaceSelector": {}}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "served"),
    SETTINGS,
    ids=["names", "all", "by label", "none", "all and one", "names and labels"],
)
def test_settings_say_once_which_namespaces_are_served(
    values: dict[str, object], served: tuple[bool, list[str]] | None
) -> None:
    if served is None:
        with pytest.raises(ValidationError, match="watchNamespace"):
            b.settings(**values)
        return
    settings = b.settings(**values)
    assert (settings.clusterwide, settings.asked_namespaces) == served
