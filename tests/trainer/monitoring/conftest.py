from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.trainer.monitoring.published import two_versions


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Storage:
    """A store of the test's own with two versions and a month of bars after them."""
    return two_versions(tmp_path_factory.getbasetemp(), tmp_path)
