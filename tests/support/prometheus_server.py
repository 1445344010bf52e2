"""A real Prometheus that scrapes an operator every second and evaluates the chart's alerts."""

import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import yaml

from tests.support import promtool
from tests.support.ports import eventually, free_port


@dataclass
class PrometheusServer:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @classmethod
    def start(cls, folder: Path, target: int, labels: dict[str, str], rules: Path) -> Self:
        """Start it; wait until it is ready.

        Parameters
        ----------
        target
            Port of the operator on this machine.
        labels
            What a monitor gives the operator's pod as labels.
        """
        folder.mkdir(parents=True)
        address, log = f"127.0.0.1:{free_port()}", folder / "prometheus.log"
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{
                "job_name": "clm-operator",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{target}"], "labels": labels}],
            }],
        }))  # fmt: skip
        with log.open("wb") as out:
            process = subprocess.Popen(
                [promtool.program("prometheus"), f"--config.file={folder / 'prometheus.yaml'}",
                 f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"],
                stdout=out, stderr=out,
            )  # fmt: skip
        server = cls(process, f"http://{address}", log)
        eventually(server.is_ready, "Prometheus is ready", 60)
        return server

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)

    def is_ready(self) -> bool:
        """Whether it answers questions."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str) -> Any:
        """Ask its API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[str]:
        """Return the values that an expression gives now."""
        found = self.ask(f"query?{urlencode({'query': expression})}")["result"]
        return [one["value"][1] for one in found]

    def firing(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire, by their names."""
        found = self.ask("alerts")["alerts"]
        return {one["labels"]["alertname"]: one for one in found if one["state"] == "firing"}

    def rules(self) -> list[dict[str, Any]]:
        """Return its rules, and how they stand."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
