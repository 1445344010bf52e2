from collections.abc import Iterator

import pytest

from clm_cli.cluster import Cluster
from clm_cli.dashboard.actions import Ledger
from clm_cli.dashboard.app import Desk
from clm_cli.dashboard.objects import Objects
from tests.cli.dashboard.served import Served, at_noon, nowhere, served
from tests.cli.dashboard.worlds import judged, known, schedule
from tests.cli.namespace import Namespace


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard that knows one schedule and one version, and whose cluster is away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(nowhere(tmp_path_factory.mktemp("nowhere"))))
        ledger = Ledger(Cluster(None), at_noon)
    owner = schedule()
    with served(Desk(known(owner, judged(owner, "btc-1")), at_noon, ledger)) as made:
        yield made


@pytest.fixture
def board(api: Namespace) -> Iterator[Served]:
    """A dashboard of a namespace of the real API server that has not looked there yet."""
    with served(Desk(Objects(), at_noon, Ledger(Cluster(None), at_noon))) as made:
        yield made
