"""``make bench``: every row, both sides in turns, after equal results; exit 1 if one is missed."""

import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.limited import one_cpu
from bench.machine import cpu
from bench.rows import ROWS, Row
from bench.sides import ROOT, Sides

RESULTS = ROOT / "bench" / "results"


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        one_cpu() as group,
        Sides(Path(folder), group) as sides,
    ):
        load = os.getloadavg()
        print(f"{cpu()}, {os.cpu_count()} cores, load {load[0]:.1f}")
        measured = [measure(row, sides) for row in ROWS if sides.can(row)]
        for row in ROWS:
            if not sides.can(row):
                print(f"{row.name}: not measured, this user may not limit a process's CPUs")
    facts = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load": {"before": load, "after": os.getloadavg()},
        "versions": sides.versions,
        "rows": measured,
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(facts, indent=1) + "\n")
    print(file.relative_to(ROOT))
    missed = [row["name"] for row in measured if not row["reached"]]
    print(f"missed: {', '.join(missed)}" if missed else "all ratios reached")
    return 1 if missed else 0


def measure(row: Row, sides: Sides) -> dict[str, Any]:
    """Compare both results, then time both sides in turns."""
    same(row, sides.result(row.ours), sides.result(row.rival))
    runs: dict[str, list[float]] = {"ours": [], "rival": []}
    for _ in range(row.times):
        runs["ours"].append(sides.seconds(row.ours))
        runs["rival"].append(sides.seconds(row.rival))
    best = {side: min(seconds) for side, seconds in runs.items()}
    ratio = row.ratio(best["ours"], best["rival"])
    reached = row.reached(ratio)
    verdict = "-" if row.required == "-" else "reached" if reached else "MISSED"
    print(
        f"{row.name:38} {best['ours']:9.4f} s  {row.rival_name:16} {best['rival']:9.4f} s"
        f"  {ratio:7.2f}  {row.required:>7}  {verdict}",
        flush=True,
    )
    return {
        "name": row.name,
        "against": row.rival_name,
        "seconds": best,
        "runs": runs,
        "ratio": ratio,
        "required": row.required,
        "reached": reached,
    }


def same(row: Row, ours: dict[str, Any], rival: dict[str, Any]) -> None:
    """Raise if a number that both sides tell differs.

    Raises
    ------
    AssertionError
        The two sides didn't do the same work, so their times say nothing.
    """
    shared = ours.keys() & rival.keys()
    assert shared, f"{row.name}: nothing to compare"
    for name in sorted(shared):
        np.testing.assert_allclose(
            ours[name], rival[name], rtol=row.tolerance, atol=row.tolerance,
            err_msg=f"{row.name}: {name}",
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
