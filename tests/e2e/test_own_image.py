"""The example of an own image: built on CLM's, run as a pod, judged, kept from what is shared."""

import base64
from typing import Any
from unittest import mock

import pytest
import yaml

from clm_api.errors import ClmError
from clm_api.layout import RunLayout, SeriesLayout
from clm_trainer.storage import Storage
from tests.e2e.conftest import ENDPOINT, NAMESPACE, Node, image
from tests.support.repository import ROOT

Raw = dict[str, Any]
OWN = ROOT / "examples" / "own"
BARS = SeriesLayout("binance", "spot", "BTC/USDT", "1h")
OTHER_RUN = RunLayout(NAMESPACE, "own", "another-run")


def _keys(release: Node, container: Raw) -> dict[str, str]:
    """Return the variables that a container has from its Secret."""
    (source,) = container["envFrom"]
    found = release.json("secret", source["secretRef"]["name"])["data"]
    return {name: base64.b64decode(value).decode() for name, value in found.items()}


def _answer(keys: dict[str, str], path: str) -> str:
    """Try to write an object with some keys; return the reason of the refusal, or that it is."""
    with mock.patch.dict("os.environ", {"AWS_ENDPOINT_URL": ENDPOINT, **keys}):
        try:
            Storage("s3://clm").create(path, b"forged")
        except ClmError as error:
            return str(error.reason)
    return "written"


@pytest.fixture(scope="module")
def judged(release: Node) -> tuple[Raw, Raw]:
    """The example's version and its pod."""
    image("mypackage:dev", str(OWN / "Dockerfile"), context=str(OWN))
    item = yaml.safe_load((OWN / "schedule.yaml").read_text())
    release.apply(item)
    version = release.wait_ended(item["metadata"]["name"])
    selector = f"clm.dev/version={version['metadata']['name']}"
    (pod,) = release.json("pods", "-l", selector)["items"]
    return version, pod


def test_the_example_is_judged(judged: tuple[Raw, Raw]) -> None:
    version, pod = judged
    status = version["status"]
    assert status["phase"] == "Succeeded", status
    assert len(status["criteria"]) == 5
    (fetcher,), (trainer,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert (fetcher["name"], fetcher["image"]) == ("fetch", "clm-trainer:boosting-dev")
    assert trainer["image"] == "mypackage:dev"


def test_its_keys_write_its_own_run_alone(release: Node, judged: tuple[Raw, Raw]) -> None:
    version, pod = judged
    own_run = RunLayout(NAMESPACE, "own", version["metadata"]["uid"])
    (fetcher,), (trainer,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    own, fetches = _keys(release, trainer), _keys(release, fetcher)
    month = BARS.month("2031-01")
    assert _answer(own, own_run.attempt_file("pod-x", "note.json")) == "written"
    shared = (month, BARS.lease, OTHER_RUN.manifest)
    assert {_answer(own, path) for path in shared} == {"StorageDenied"}
    assert _answer(fetches, OTHER_RUN.manifest) == "StorageDenied"
    assert _answer(fetches, month) == "StorageDenied", "refresh Never: nobody writes bars"
