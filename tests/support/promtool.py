"""What a Prometheus would have seen of the operator, and which alerts fire on it, by promtool."""

import re
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from clm_operator.telling.prometheus import Metrics
from local_cluster import paths
from tests.support import alert_rules
from tests.support.repository import ROOT

_STEP = "1h"
_SAMPLE = re.compile(r"^(clm_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


@cache
def program(name: str = "promtool") -> str:
    """Return promtool or prometheus, fetched if it is not there."""
    subprocess.run([str(ROOT / "tools" / "setup" / "prometheus.sh")], check=True)
    return shutil.which(name) or str(paths.CACHE / name)


def check(*words: str) -> str:
    """Have promtool check something; return what is wrong with it, or nothing."""
    done = subprocess.run([program(), *words], text=True, capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@dataclass
class Recording:
    """Scrapes of the operator, an hour apart, with the labels of its pod."""

    metrics: Metrics = field(default_factory=Metrics)
    scrapes: list[dict[str, str]] = field(default_factory=list)
    pod: int = 1

    def scrape(self, times: int = 1) -> None:
        """Keep what is shown now, for some hours."""
        found = _SAMPLE.findall(self.metrics.render().decode())
        shown = {self._series(name, labels): value for name, labels, value in found}
        self.scrapes += [shown] * times

    def vanish(self) -> None:
        """Show nothing any more."""
        self.metrics.registry = CollectorRegistry()

    def restart(self) -> None:
        """Go on with a new pod, which leads and starts counting anew in series of its own."""
        self.metrics = Metrics()
        self.metrics.leads(leads=True)
        self.pod += 1

    def wrong(self, firing: Collection[str], folder: Path) -> str:
        """Return what promtool says unless these alerts, and no others, fire at the end."""
        names = sorted({name for scrape in self.scrapes for name in scrape})
        series = [
            {"series": name, "values": " ".join(s.get(name, "_") for s in self.scrapes)}
            for name in names
        ]
        wanted = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing]
        last = f"{len(self.scrapes) - 1}h"
        question = {"expr": _FIRING, "eval_time": last, "exp_samples": wanted}
        one: dict[str, Any] = {"interval": _STEP, "input_series": series}
        content = {
            "rule_files": [str(alert_rules.write(folder))],
            "evaluation_interval": _STEP,
            "tests": [one | {"promql_expr_test": [question]}],
        }
        test = folder / "test.yaml"
        test.write_text(yaml.safe_dump(content))
        return check("test", "rules", str(test))

    def _series(self, name: str, labels: str) -> str:
        """A metric's own labels win over those of its pod, as honorLabels has it."""
        own = [labels] if labels else []
        if "namespace=" not in labels:
            own.append(f'namespace="{alert_rules.NAMESPACE}"')
        return f'{name}{{{",".join(own)},pod="clm-operator-{self.pod}"}}'
