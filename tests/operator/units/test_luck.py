"""What the condition StatisticallySignificant says of a result."""

from dataclasses import dataclass, field
from operator import attrgetter

import pytest

from clm_api.run import RunTrials
from clm_operator.runs.luck import significance
from tests.operator.units import builders as b


@dataclass(frozen=True)
class Case:
    name: str
    metrics: dict[str, float]
    holds: bool | None
    reason: str
    says: str
    undefined: dict[str, str] = field(default_factory=dict)


CASES = [
    Case("at the threshold it holds", {"deflatedSharpe": 0.95, "psr": 0.99}, True, "Significant",
         "0.950 ≥ 0.95 over 12 trial(s), PSR 0.990"),
    Case("below it does not, and says how long it would take",
         {"deflatedSharpe": 0.41, "psr": 0.73, "minTrackRecordDays": 611.4}, False,
         "NotSignificant", "significant after 611 days"),
    Case("without a Sharpe ratio nothing is known", {}, None, "NoSharpe", "NoTrades",
         {"deflatedSharpe": "NoTrades"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_how_much_of_a_result_may_be_luck(case: Case) -> None:
    file = b.report(case.metrics, case.undefined).metrics
    holds, reason, text = significance(file, RunTrials(count=12))
    assert (holds, reason) == (case.holds, case.reason)
    assert case.says in text


def test_a_judged_version_carries_the_condition_and_a_missed_gate_rejects_it() -> None:
    luck = {"deflatedSharpe": 0.4, "psr": 0.7}
    version = b.version(promotion={"significance": {"minPsr": 0.95}})
    jobs = {"btc-1": b.job(condition=("Complete", ""))}
    seen = b.seen(version, jobs=jobs, reports={"btc-1": b.report(b.GOOD | luck)})
    status = b.came_of(version, seen, b.settings()).status
    assert (status.stage, status.reason) == ("REJECTED", "CriteriaFailed")
    assert status.message == "psr 0.7 < 0.95"
    found = {c.type: c for c in status.conditions}["StatisticallySignificant"]
    assert (found.status, found.reason) == ("False", "NotSignificant")
