"""Shares of the sets, and the table that says them."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tools.study.seeds import MODES

Rows = Sequence[dict[str, Any]]
PSR, TRADES = 0.95, 50


def shares(sets: Mapping[str, Rows]) -> dict[str, Any]:
    """Return for each set and mode how many passed, with and without the PSR gate, and what then.

    ``nextPassed`` and ``nextRejected`` are means of the Sharpe ratio over the next 90 days.
    """
    return {
        name: {mode: _shares([row[mode] for row in rows]) for mode in MODES}
        for name, rows in sets.items()
    }


def _shares(rows: Rows) -> dict[str, Any]:
    passed = [r for r in rows if r["stage"] == "CANDIDATE"]
    rejected = [r for r in rows if r["stage"] != "CANDIDATE"]
    sure = [r for r in passed if (r["psr"] or 0) >= PSR]
    return {
        "versions": len(rows),
        "passed": len(passed),
        "passedWithPsr": len(sure),
        "enoughTrades": sum(r["trades"] >= TRADES for r in rows),
        "medianSharpe": _median([r["sharpe"] for r in rows]),
        "medianTrades": _median([r["trades"] for r in rows]),
        "nextPassed": _mean([r["nextSharpe"] for r in passed]),
        "nextRejected": _mean([r["nextSharpe"] for r in rejected]),
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(statistics.median(known), 3) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(statistics.fmean(known), 3) if known else None


def table(facts: dict[str, Any]) -> list[str]:
    """Return the shares as a Markdown table."""
    columns = (
        "set", "mode", "versions", "passed", "passed with minPsr 0.95", "≥ 50 trades",
        "median Sharpe", "next 90 days: passed / rejected, mean Sharpe",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|--" * len(columns) + "|"]
    for name, modes in facts["shares"].items():
        for mode, s in modes.items():
            n = s["versions"]
            lines.append(
                f"| {name} | {mode} | {n} | {s['passed']} ({s['passed'] / n:.1%}) "
                f"| {s['passedWithPsr']} ({s['passedWithPsr'] / n:.1%}) "
                f"| {s['enoughTrades'] / n:.0%} | {_shown(s['medianSharpe'])} "
                f"| {_shown(s['nextPassed'])} / {_shown(s['nextRejected'])} |"
            )
    leaks = facts["leaks"]
    lines.append(f"\nPlanted leak: {leaks['refused']} of {leaks['runs']} runs refused.")
    return lines


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
