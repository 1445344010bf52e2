"""Definitions that are older than the operator cost a field of a status, never endless rounds."""

import json
from collections.abc import Iterator

import pytest

from tests.operator.rig import Rig, condition
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

CRD = "trainingschedules.clm.dev"
LINE = "30 2 */2 * 1"
"""A line of two readings: the operator has something to say of it in status.scheduleNotes."""


@pytest.fixture
def older(defined: ControlPlane) -> Iterator[ControlPlane]:
    """The API server with a definition that does not know ``status.scheduleNotes``."""
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/scheduleNotes"
    patch = json.dumps([{"op": "remove", "path": path}])
    defined.kubectl("patch", "crd", CRD, "--type=json", "-p", patch)
    wait_served(defined)
    yield defined
    defined.kubectl("apply", "-f", ROOT / "crds" / "trainingschedules.yaml")
    wait_served(defined)


def wait_served(plane: ControlPlane) -> None:
    """A changed definition has its storage made anew, and answers 429 for a moment."""
    answers: list[bool] = []

    def steady() -> bool:
        said = plane.kubectl("get", "trainingschedules", "-A", check=False)
        answers.append("TooManyRequests" not in said and "rror" not in said)
        return answers[-5:] == [True] * 5

    eventually(steady, "the changed definition is served")


def test_a_field_that_the_definition_lacks_is_dropped_and_the_operator_comes_to_rest(
    older: ControlPlane, rig: Rig
) -> None:
    assert older is rig.plane
    operator = rig.start_operator()
    made = schedule("old", rig.namespace, interval=None, schedule=LINE, runOnCreate=False)
    rig.apply(made)

    def known(status: dict[str, object]) -> bool:
        return condition(status, "ScheduleValid").get("status") == "True"

    status = rig.wait_status("old", known, "it is seen")
    eventually(
        lambda: "dropped scheduleNotes" in operator.log.read_text(), "it says what is dropped"
    )
    rig.settle()
    assert "scheduleNotes" not in status
    assert "changed under each" not in operator.log.read_text()
