"""What everybody who writes own code can run at home: pytest, and CLM's own checks."""

from typing import Any

import pytest

from clm_trainer.testing import FAMILY_PROMISES, check_family, check_features, check_target

FAMILIES: dict[str, dict[str, Any]] = {
    "mypackage.linear": {"alpha": 0.1},
    "mypackage.network": {"steps": 200},
}


def test_the_features() -> None:
    check_features("mypackage.momentum", {"fastBars": 12, "slowBars": 48})


def test_the_target() -> None:
    check_target("mypackage.average", {"bars": 24})


@pytest.mark.parametrize("promise", FAMILY_PROMISES)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_family_keeps_its_promise(name: str, promise: str) -> None:
    check_family(name, FAMILIES[name], only=[promise])
