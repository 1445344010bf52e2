"""A real node, the real images, the real chart. What was up before stays up."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.ports import eventually
from tests.support.repository import BARS, ROOT

Raw = dict[str, Any]
CLUSTER = ROOT / "tools" / "cluster" / "cluster"
NAMESPACE = "clm-e2e"
NODE_PORT = 30977
ENDPOINT = f"http://10.244.0.1:{NODE_PORT}"
VALUES = (
    "operator.image.tag=dev", "trainer.images.boosting.tag=boosting-dev", "minio.enabled=true",
    "minio.image.repository=localhost/minio", "minio.image.tag=dev",
    f"minio.nodePort={NODE_PORT}", "crds.enabled=false", "operator.progressPollSeconds=1",
    "jobPolicy.images={mypackage}",
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """The cluster, by its commands."""

    environment: dict[str, str]

    def run(self, *command: object, check: bool = True) -> str:
        """Run a command with the cluster selected."""
        result = subprocess.run(
            [str(word) for word in command], env=self.environment, text=True,
            capture_output=True, cwd=ROOT, check=False,
        )  # fmt: skip
        output = result.stdout + result.stderr
        if check and result.returncode:
            raise AssertionError(f"{command} ended with {result.returncode}:\n{output[-3000:]}")
        return result.stdout if check else output

    def kubectl(self, *arguments: object, check: bool = True) -> str:
        """Run kubectl in the test's namespace."""
        return self.run("kubectl", "-n", NAMESPACE, *arguments, check=check)

    def json(self, *arguments: object) -> Raw:
        """Read objects."""
        return dict(json.loads(self.kubectl("get", *arguments, "-o", "json")))

    def apply(self, item: Raw) -> None:
        """Apply an object."""
        result = subprocess.run(
            ["kubectl", "-n", NAMESPACE, "apply", "-f", "-"], env=self.environment, text=True,
            input=json.dumps(item), check=False, capture_output=True,
        )  # fmt: skip
        assert not result.returncode, result.stderr

    def wait_ended(self, schedule: str, seconds: float = 180) -> Raw:
        """Wait for the newest version of a schedule to end."""

        def look() -> Raw | None:
            found = [
                v for v in self.json("mv")["items"]
                if v["spec"]["scheduleRef"]["name"] == schedule
            ]  # fmt: skip
            ended = [
                v for v in found if v.get("status", {}).get("phase") in ("Succeeded", "Failed")
            ]
            return ended[-1] if ended else None

        return eventually(look, f"a version of {schedule} has ended", seconds)


def _environment() -> dict[str, str]:
    lines = subprocess.run(
        [str(CLUSTER), "env"], text=True, capture_output=True, check=True
    ).stdout.splitlines()
    found = dict(os.environ)
    for line in lines:
        key, _, value = line.removeprefix("export ").partition("=")
        found[key] = value.replace("$PATH", found["PATH"])
    found |= {
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_ACCESS_KEY_ID": "clm-demo",
        "AWS_SECRET_ACCESS_KEY": "clm-demo-secret",
    }
    return found


def cluster(*arguments: str) -> None:
    """Run a command of the cluster tool."""
    result = subprocess.run(
        [str(CLUSTER), *arguments], text=True, capture_output=True, cwd=ROOT, check=False
    )
    if result.returncode:
        raise AssertionError(f"cluster {arguments}: {(result.stdout + result.stderr)[-3000:]}")


def image(name: str, dockerfile: str, *arguments: str, context: str = ".") -> None:
    """Build an image of the repository and load it into the cluster."""
    pairs = [word for argument in arguments for word in ("--build-arg", argument)]
    cluster("image", name, context, "--file", dockerfile, *pairs)


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[Node]:
    """The local cluster with the images loaded; taken down if it was not up before."""
    was_up = (ROOT / ".cluster" / "run" / "kube-apiserver.json").exists()
    cluster("up")
    try:
        image("clm-operator:dev", "Dockerfile.operator")
        image("clm-trainer:boosting-dev", "Dockerfile.trainer", "FLAVOUR=boosting")
        cluster("image-minio")
        yield Node(_environment())
    finally:
        if not was_up:
            cluster("down")


@pytest.fixture(scope="session")
def release(node_cluster: Node) -> Iterator[Node]:
    """The chart, installed under Pod Security restricted, with real bars in its MinIO."""
    node = node_cluster
    for name in ("trainingschedules", "modelversions", "simulations"):
        node.run("kubectl", "apply", "-f", ROOT / "crds" / f"{name}.yaml")
    node.run("kubectl", "create", "namespace", NAMESPACE, check=False)
    label = "pod-security.kubernetes.io/enforce=restricted"
    node.run("kubectl", "label", "namespace", NAMESPACE, label, "--overwrite")
    pairs = [word for value in VALUES for word in ("--set", value)]
    node.run(
        "helm", "upgrade", "--install", "clm", "charts/clm", "-n", NAMESPACE, *pairs,
        "--wait", "--timeout", "120s",
    )  # fmt: skip
    for symbol, path in BARS.items():
        node.run(
            ROOT / ".venv/bin/clm",
            "data",
            "import",
            path,
            "--symbol",
            symbol,
            "--store",
            "s3://clm",
        )
    yield node
    node.run("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")
