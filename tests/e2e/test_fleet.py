"""All six families as real pods from the shipped example; `make e2e-full` builds their images."""

import json

import pytest
import yaml

from clm_api.families import Family
from tests.e2e.conftest import NAMESPACE, VALUES, Node, image
from tests.support.repository import ROOT

FLEET = ROOT / "examples" / "fleet.yaml"
SCHEDULES = [doc["metadata"]["name"] for doc in yaml.safe_load_all(FLEET.read_text())]
PATIENCE_S = 1500
pytestmark = [pytest.mark.full, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def fleet(release: Node) -> Node:
    """The release with the images of all flavours, and the fleet applied to it."""
    for flavour in ("neural", "rl"):
        image(f"clm-trainer:{flavour}-dev", "Dockerfile.trainer", f"FLAVOUR={flavour}")
    tags = [f"trainer.images.{f}.tag={f}-dev" for f in ("boosting", "neural", "rl")]
    pairs = [word for value in (*VALUES, *tags) for word in ("--set", value)]
    release.run(
        "helm", "upgrade", "clm", "charts/clm", "-n", NAMESPACE, *pairs,
        "--wait", "--timeout", "120s",
    )  # fmt: skip
    release.kubectl("apply", "-f", FLEET)
    return release


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_family_is_trained_and_judged(fleet: Node, schedule: str) -> None:
    version = fleet.wait_ended(schedule, PATIENCE_S)
    status = version["status"]
    assert status["phase"] == "Succeeded", status
    assert f"fleet-{version['spec']['run']['model']['family']}" == schedule
    assert len(status["criteria"]) == 5
    assert status["metrics"]["trades"] > 0
    said = fleet.run(
        ROOT / ".venv/bin/clm", "predict", version["metadata"]["name"], "-n", NAMESPACE,
        "-o", "json",
    )  # fmt: skip
    assert set(json.loads(said)["positions"]) == {"BTC/USDT", "ETH/USDT"}


def test_the_fleet_has_every_family(fleet: Node) -> None:
    families = {doc["spec"]["model"]["family"] for doc in yaml.safe_load_all(FLEET.read_text())}
    assert families == {family.value for family in Family if not family.row.needs_parameters}
    print(fleet.kubectl("get", "tsched,mv"))
