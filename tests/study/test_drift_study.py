"""The drift study's first markets come out exactly as committed, and the page says its rates."""

import json
from typing import Any

import pytest
from tools.study.drift import record
from tools.study.drift_study import RECORDS, table

from tests.support.repository import ROOT


def committed() -> dict[str, Any]:
    return dict(json.loads(RECORDS.read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["garch", "mirrored"])
def test_the_first_market_of_a_set_is_that_of_the_study(name: str) -> None:
    assert record(name, 0) == committed()["sets"][name][0]


def test_the_table_in_the_docs_is_the_committed_study() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    for line in table(committed()):
        assert line.strip() in page
