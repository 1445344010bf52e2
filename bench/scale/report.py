"""Results as a JSON file, and their figures as a table in Markdown."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import cpu
from bench.scale.figures import FIGURES, Figure

Raw = dict[str, Any]


def machine(repo: Path) -> Raw:
    """Where and what is measured."""
    told = subprocess.run(
        ["git", "-C", str(repo), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": told.stdout.strip() or "unknown",
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "load": os.getloadavg(),
    }


def kept(file: Path, command: str, size: int, found: Raw, about: Raw) -> Raw:
    """Put one result beside those that the file has; return them all."""
    results: Raw = json.loads(file.read_text()) if file.exists() else {}
    results.setdefault(command, {})[str(size)] = found | {"machine": about}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    return results


def sizes_of(results: Raw) -> list[int]:
    """All sizes that were measured, the smallest first."""
    return sorted({int(size) for of_command in results.values() for size in of_command})


def table(results: Raw) -> list[str]:
    """One row a figure, one column a size; what is above its bar is marked."""
    sizes = sizes_of(results)
    head = ["figure", "bar", *(f"N={size}" for size in sizes)]
    rows = [_row(figure, results, sizes) for figure in FIGURES]
    shown = [row for row in rows if any(row[2:])]
    return [_line(head), _line(["---"] * len(head)), *map(_line, shown)]


def _row(figure: Figure, results: Raw, sizes: list[int]) -> list[str]:
    bar = "–" if figure.most is None else f"≤ {figure.most:g} {figure.unit}".strip()
    if figure.most is not None and figure.from_size:
        bar += f", from N={figure.from_size}"
    return [figure.name, bar, *(_cell(figure, results, size) for size in sizes)]


def _cell(figure: Figure, results: Raw, size: int) -> str:
    found = figure.value(results, size)
    if found is None:
        return ""
    text = f"{found:.4g} {figure.unit}".strip()
    if figure.bar(size) is None:
        return text
    return f"{text} **missed**" if figure.missed(results, size) else f"{text} reached"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
