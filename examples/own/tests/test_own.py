"""What everybody who writes own code can run at home: pytest, and CLM's own checks."""

from typing import Any

import pytest

from clm_trainer.testing import FAMILY_PROMISES, check_family

FAMILIES: dict[str, dict[str, Any]] = {
    "mypackage.linear": {"alpha": 0.1},
    "mypackage.network": {"steps": 200},
}


@pytest.mark.parametrize("promise", FAMILY_PROMISES)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_family_keeps_its_promise(name: str, promise: str) -> None:
    check_family(name, FAMILIES[name], only=[promise])
