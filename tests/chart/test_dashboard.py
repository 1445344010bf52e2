"""The Grafana dashboard: found by its sidecar, and asking for nothing that is not there."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import chart, dashboard
from tests.support.metrics import served
from tests.support.promtool import check

Raw = dict[str, Any]
DEMO = "minio.enabled=true"


def test_the_sidecar_finds_a_dashboard_that_is_asked_for() -> None:
    asked = 'grafanaDashboard={"enabled":true,"annotations":{"grafana_folder":"CLM"}}'
    objects = chart.render("clm", DEMO, asked)
    found = [
        one for one in chart.of_kind(objects, "ConfigMap")
        if one["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]  # fmt: skip
    (made,) = found
    assert made["metadata"]["annotations"] == {"grafana_folder": "CLM"}
    assert [name for name in made["data"] if name.endswith(".json")] == list(made["data"])


def test_nobody_gets_a_dashboard_unasked() -> None:
    assert len(chart.of_kind(chart.render("clm", DEMO), "ConfigMap")) == 1


@pytest.mark.parametrize("typo", ['{"enabledd":true}', '{"labels":{"a":1}}'])
def test_a_misspelt_value_of_the_dashboard_fails(typo: str) -> None:
    result = chart.template("ns", DEMO, f"grafanaDashboard={typo}")
    assert "values don't meet the specifications" in result.stderr


def test_it_has_what_grafana_needs() -> None:
    made = dashboard.rendered()
    assert {"uid", "title", "schemaVersion", "templating", "panels", "time"} <= set(made)
    numbers = [panel["id"] for panel in made["panels"]]
    assert sorted(set(numbers)) == sorted(numbers)
    titles = [panel["title"] for panel in dashboard.panels()]
    assert sorted(set(titles)) == sorted(titles)
    for panel in dashboard.panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == [chr(65 + place) for place in range(len(letters))]


def test_no_panel_lies_on_another() -> None:
    def meet(one: Raw, other: Raw) -> bool:
        return all(
            one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
            for at, size in (("x", "w"), ("y", "h"))
        )

    places = [panel["gridPos"] for panel in dashboard.rendered()["panels"]]
    assert not [pair for pair in combinations(places, 2) if meet(*pair)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert all(one["y"] <= other["y"] for one, other in pairwise(places))


def test_only_variables_are_used_that_a_person_can_choose() -> None:
    made = dashboard.rendered()
    known = {variable["name"] for variable in made["templating"]["list"]} | {"__rate_interval"}
    asked = [target["expr"] for panel in dashboard.panels() for target in panel["targets"]]
    used = {name for one in asked for name in re.findall(r"\$(\w+)", one)}
    assert {"namespace", "schedule"} <= used <= known


def test_every_metric_that_it_shows_is_served() -> None:
    made = dashboard.rendered()["templating"]["list"]
    definitions = [variable.get("definition", "") for variable in made]
    asked = [one for panel in dashboard.expressions().values() for one in panel] + definitions
    assert {name for one in asked for name in re.findall(r"\bclm_\w+", one)} <= served()


@pytest.mark.slow
def test_every_expression_is_one_of_prometheus(tmp_path: Path) -> None:
    asked = [one for panel in dashboard.expressions().values() for one in panel]
    rules = [{"record": f"asked:{place}", "expr": one} for place, one in enumerate(asked)]
    path = tmp_path / "asked.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    assert check("check", "rules", str(path)) == ""
    assert len(asked) > 40
