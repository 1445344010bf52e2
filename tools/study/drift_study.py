"""``python -m tools.study drift``: alarms on markets that stay, and when changes are found.

Seeds are fixed: 0, 1, 2 … of each set; nothing is drawn again because of what came out.
"""

import json
import multiprocessing
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from clm_trainer.monitoring.drift_faults import faults_of
from clm_trainer.panel import Panel
from tools.study.drift import DAY, FAULTS, MARKET, YEAR, Market, alarms, record, trained
from tools.study.drift_plot import draw
from tools.study.seeds import BARS, SYMBOLS

FOLDER = Path(__file__).parents[2] / "docs" / "study" / "drift"
RECORDS = FOLDER / "records.json"
SIZES = {"garch": 200, "lasting": 24, "mirrored": 24}
LOOKBACK = 730 * DAY
Rows = Sequence[Mapping[str, Any]]


def main() -> None:
    """Run all sets and the real bars, and write records, picture and table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        sets = {name: _run(pool, name, size) for name, size in SIZES.items()}
    facts = {"sets": sets, "real": real_months(), "realFaults": real_faults()}
    RECORDS.write_text(json.dumps(facts) + "\n")
    draw(FOLDER / "drift.svg", facts)
    print("\n".join(table(facts)))


def _run(pool: ProcessPoolExecutor, name: str, size: int) -> list[dict[str, Any]]:
    rows = []
    for row in pool.map(partial(record, name), range(size)):
        rows.append(row)
        print(f"\r{name} {len(rows)}/{size}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def real() -> Panel:
    """Return the bundled bars of four years, with their hole."""
    read = {s: pd.read_parquet(BARS / f"binance-spot-{n}-1h.parquet") for s, n in SYMBOLS.items()}
    times = next(iter(read.values()))["timestamp"]
    grid = pd.date_range(times.iloc[0], times.iloc[-1], freq="h").as_unit("us")
    return Panel.from_frames(read, grid, pd.Timedelta(hours=1))


def real_months() -> list[dict[str, Any]]:
    """Return the alarms of a year from each month on, trained on two years or what there is."""
    market = Market.of(real())
    times, made = market.panel.times, []
    for month in pd.date_range("2023-01-01", times[-1], freq="MS", tz="UTC"):
        begin = int(times.searchsorted(month))
        bars = min(YEAR, len(times) - begin)
        known = trained(market, max(0, begin - LOOKBACK), begin)
        found = alarms(market, known, bars, LOOKBACK)
        made.append({"month": f"{month:%Y-%m}", "years": bars / YEAR, "alarms": found})
    return made


def real_faults() -> dict[str, int]:
    """Return on how many days of the bars after the first year something is called a fault."""
    panel = real()
    stops = range(YEAR, len(panel), DAY)
    named = sum(bool(faults_of(panel.window(0, stop), YEAR)) for stop in stops)
    return {"days": len(stops), "named": named}


def false_alarms(rows: Rows) -> float:
    """Return alarms in a year of a market that stays."""
    return statistics.fmean(len(row["alarms"]) for row in rows)


def found(rows: Rows, name: str) -> float:
    """Return the share of markets in which a change was found in time."""
    return statistics.fmean(row["found"][name] is not None for row in rows if "found" in row)


def moved(rows: Rows) -> dict[str, float]:
    """Return for each column in how many markets a mean moved by a standard deviation is found."""
    return {
        name: statistics.fmean(row["moved"][name] is not None for row in rows if "moved" in row)
        for name in rows[0]["moved"]
    }


def table(facts: Mapping[str, Any]) -> list[str]:
    """Return the rates as Markdown."""
    sets: Mapping[str, Rows] = facts["sets"]
    lines = ["| | " + " | ".join(sets) + " |", "|---|" + "---|" * len(sets)]

    def line(what: str, values: Sequence[str]) -> None:
        lines.append(f"| {what} | " + " | ".join(values) + " |")

    line("markets", [str(len(rows)) for rows in sets.values()])
    line("alarms a year, nothing changed", [f"{false_alarms(r):.2f}" for r in sets.values()])
    for name in (*MARKET, *FAULTS):
        line(name, [f"{found(rows, name):.0%}" for rows in sets.values()])
    for name in moved(next(iter(sets.values()))):
        line(f"mean of `{name}` + 1 sd", [f"{moved(rows)[name]:.0%}" for rows in sets.values()])
    years = sum(row["years"] for row in facts["real"])
    alarmed = sum(len(row["alarms"]) for row in facts["real"])
    lines.append("")
    lines.append(
        f"Real bars, from each of {len(facts['real'])} months on for a year at most: {alarmed} "
        f"alarms in {years:.1f} schedule-years, {alarmed / years:.2f} a year."
    )
    return lines
