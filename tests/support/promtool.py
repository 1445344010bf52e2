"""Expressions of Prometheus on what the operator would have shown, evaluated by promtool."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from clm_operator.telling.prometheus import Metrics
from local_cluster import paths
from tests.support.repository import ROOT

_STEP = "1h"
_SAMPLE = re.compile(r"^(clm_\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)


def program() -> str:
    """Return promtool, fetched if it is not there."""
    subprocess.run([str(ROOT / "tools" / "setup" / "promtool.sh")], check=True)
    return shutil.which("promtool") or str(paths.CACHE / "promtool")


@dataclass
class Recording:
    """Scrapes of the operator, an hour apart."""

    metrics: Metrics = field(default_factory=Metrics)
    scrapes: list[dict[str, str]] = field(default_factory=list)

    def scrape(self, times: int = 1) -> None:
        """Keep what is shown now, for some hours."""
        shown = dict(_SAMPLE.findall(self.metrics.render().decode()))
        self.scrapes += [shown] * times

    def vanish(self) -> None:
        """Show nothing any more."""
        self.metrics.registry = CollectorRegistry()

    def restart(self) -> None:
        """Go on with a new process, which starts counting anew."""
        self.metrics = Metrics()

    def firing(self, expression: str, folder: Path) -> int:
        """Return how many series an expression gives at the end, by promtool's judgement."""
        names = sorted({name for scrape in self.scrapes for name in scrape})
        series = [
            {"series": name, "values": " ".join(s.get(name, "_") for s in self.scrapes)}
            for name in names
        ]
        found = [n for n in range(3) if _holds(expression, n, series, len(self.scrapes), folder)]
        assert len(found) == 1, f"{expression} gives {found} series"
        return found[0]


def _holds(
    expression: str, count: int, series: list[dict[str, str]], hours: int, folder: Path
) -> bool:
    question = {
        "expr": f"count({expression}) or vector(0)",
        "eval_time": f"{hours - 1}h",
        "exp_samples": [{"labels": "{}", "value": count}],
    }
    one: dict[str, Any] = {"interval": _STEP, "input_series": series}
    test = folder / f"expects-{count}.yaml"
    content = {"evaluation_interval": _STEP, "tests": [one | {"promql_expr_test": [question]}]}
    test.write_text(yaml.safe_dump(content))
    result = subprocess.run(
        [program(), "test", "rules", str(test)],
        env=os.environ, text=True, capture_output=True, check=False,
    )  # fmt: skip
    said = result.stdout + result.stderr
    assert result.returncode == 0 or "exp:" in said, said
    return result.returncode == 0
