"""The definitions, applied to a real API server."""

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.repository import ROOT


@pytest.fixture(scope="session")
def defined(plane: ControlPlane) -> ControlPlane:
    """The API server with CLM's kinds."""
    plane.kubectl("apply", "-f", ROOT / "crds" / "trainingschedules.yaml")
    plane.kubectl("apply", "-f", ROOT / "crds" / "modelversions.yaml")
    for name in ("trainingschedules", "modelversions"):
        plane.kubectl("wait", "--for=condition=Established", f"crd/{name}.clm.dev", "--timeout=30s")
    return plane
