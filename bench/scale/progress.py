"""What a person reads while the bench works."""

import sys
from datetime import datetime
from typing import Any

_SHORT = (
    "reached", "settled", "wall_s", "operator_cpu_s", "kube-apiserver_cpu_s", "requests", "writes",
    "rss_mb", "rss_peak_mb", "lag_s", "cpu_percent", "per_slot", "jobs_late_s", "budget_s", "lost",
    "doubled", "store_requests_a_poll",
)  # fmt: skip


def say(what: str, figures: dict[str, Any] | None = None) -> None:
    """Print a line with the figures that matter."""
    found = figures or {}
    text = " ".join(f"{name}={found[name]}" for name in _SHORT if name in found)
    time = datetime.now().astimezone().strftime("%H:%M:%S")
    print(f"[{time}] {what}: {text}" if text else f"[{time}] {what}", file=sys.stderr, flush=True)
