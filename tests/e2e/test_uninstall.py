"""The release goes; whatever needs it comes before, by the names of the files."""

import pytest

from tests.e2e.conftest import Node
from tests.support.ports import eventually


@pytest.mark.slow
def test_uninstalling_in_the_wrong_order_leaves_nothing_stuck(release: Node) -> None:
    release.run("helm", "uninstall", "clm", "-n", "clm-e2e", "--wait", "--timeout", "60s")
    release.kubectl("delete", "tsched,sim", "--all", "--timeout=30s")
    eventually(lambda: not release.json("mv")["items"], "no version is left")
    eventually(lambda: not release.json("jobs")["items"], "no Job is left")
