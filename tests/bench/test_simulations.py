"""The bench of Simulations, small: the real operator reads and verifies what thirty pods leave."""

from typing import Any

import pytest
from bench.scale import ROOT
from bench.simulations.load import SMALL
from bench.simulations.measure import measure

Raw = dict[str, Any]
WRITES = 20
"""Of one simulation: its three Jobs, three events, and a status for each news of ten seconds."""


@pytest.mark.api
@pytest.mark.store
@pytest.mark.slow
def test_simulations_end_well_and_cost_few_requests() -> None:
    found = measure(ROOT, SMALL, idle_s=1, limit_s=90)
    assert found["phases"] == {"Succeeded": SMALL.simulations}
    assert found["most_pods_at_once"] == found["pods"] == 30, "all at once"
    assert found["by_request"]["create jobs"] == 3 * SMALL.simulations
    assert found["writes"] <= WRITES * SMALL.simulations, found["by_request"]
