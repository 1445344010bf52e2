"""The node cluster's operator, outside of its pod: the real one, on a clock that tests move."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.conftest import ENDPOINT, NAMESPACE, Node
from tests.support.fake_exchange import FakeExchange
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.shifted_operator import AHEAD


@dataclass
class MovedOperator:
    """Operator and exchange, whose clocks move together."""

    node: Node
    exchange: FakeExchange
    process: OperatorProcess
    path: Path
    start: Callable[[], OperatorProcess]
    ahead: timedelta = timedelta(0)

    def wait(self, time: timedelta) -> None:
        """Let time pass; the operator looks again."""
        self.exchange.now += time
        self.ahead += time
        self.path.write_text(str(self.ahead.total_seconds()))
        mark = f"moved={self.ahead.total_seconds():.0f}"
        self.node.kubectl("annotate", "tsched", "--all", mark, "--overwrite")

    def crash(self) -> None:
        """Kill the operator and start another in its place."""
        self.process.kill()
        self.process = self.start()


@contextmanager
def moved_operator(
    node: Node, exchange: FakeExchange, folder: Path, **settings: Any
) -> Iterator[MovedOperator]:
    """Put a process in the place of the release's operator, under the same account.

    The release's own never sees what was made on the moved clock: schedules go first.
    """
    node.kubectl("scale", "deployment/clm-operator", "--replicas=0")
    selector = ("-l", "app.kubernetes.io/component=operator")
    eventually(lambda: not node.json("pods", *selector)["items"], "the operator's pod is gone")
    config = yaml.safe_load(node.json("configmap", "clm-operator")["data"]["config.yaml"])
    config["store"]["endpoint"] = ENDPOINT
    config |= {"exchangeUrl": exchange.url, "stallSeconds": 1_000_000, **settings}
    path = folder / "ahead"
    path.write_text("0")
    keys = account(node, "clm-operator", folder)
    environment = node.environment | {AHEAD: str(path)}
    module = "tests.support.shifted_operator"
    start = partial(OperatorProcess.start, folder, config, keys, environment, module)
    operator = MovedOperator(node, exchange, start(), path, start)
    try:
        yield operator
    finally:
        operator.process.kill()
        node.kubectl("delete", "tsched", "--all", "--timeout=30s")
        node.kubectl("scale", "deployment/clm-operator", "--replicas=1")
        node.kubectl("rollout", "status", "deployment/clm-operator", "--timeout=60s")


def account(node: Node, name: str, folder: Path) -> Path:
    """Return a kubeconfig with a service account's real token."""
    token = node.kubectl("create", "token", name, "--duration=2h").strip()
    config = json.loads(node.run("kubectl", "config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    for context in config["contexts"]:
        context["context"]["namespace"] = NAMESPACE
    path = folder / f"{name}.kubeconfig"
    path.write_text(json.dumps(config))
    return path
