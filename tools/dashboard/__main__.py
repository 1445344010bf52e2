"""``python -m tools.dashboard charts/clm/files [--check]`` writes or compares dashboard.json."""

import json
import sys
from pathlib import Path

from tools.dashboard.panels import SOURCE, Raw, laid_out
from tools.dashboard.rows import ROWS

_METRIC = "clm_failed_runs_in_a_row"
"""Every schedule has it from its first sight on."""


def dashboard() -> Raw:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "clm",
        "title": "CLM",
        "description": "Schedules, versions, drift, and the operator that serves them.",
        "tags": ["clm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": [_source(), *_variables()]},
        "panels": laid_out(ROWS),
    }


def _source() -> Raw:
    none = {"text": "", "value": ""}
    return {
        "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        "refresh": 1, "current": none, "hide": 0, "multi": False, "includeAll": False,
        "options": [], "regex": "",
    }  # fmt: skip


def _variables() -> list[Raw]:
    asked = {
        "namespace": f"label_values({_METRIC}, namespace)",
        "schedule": f'label_values({_METRIC}{{namespace=~"$namespace"}}, schedule)',
    }
    return [
        {
            "name": name, "label": name.capitalize(), "type": "query", "datasource": SOURCE,
            "definition": query, "query": {"query": query, "refId": name, "qryType": 1},
            "refresh": 2, "sort": 1, "hide": 0, "multi": True, "includeAll": True,
            "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
            "options": [], "regex": "",
        }
        for name, query in asked.items()
    ]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write the dashboard below the given folder, or compare it."""
    check = "--check" in arguments
    (folder,) = (Path(a) for a in arguments if a != "--check")
    path = folder / "dashboard.json"
    text = json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
    fresh = path.exists() and path.read_text() == text
    if not fresh and not check:
        path.write_text(text)
    missing = "stale, run `make generate`" if check else "written"
    print(f"{path}: {'fresh' if fresh else missing}")
    return 1 if check and not fresh else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
