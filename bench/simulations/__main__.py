"""``python -m bench.simulations``: 50 Simulations of 40 pods at once, and what they cost."""

import argparse
import json
import signal
import sys
from pathlib import Path

from bench.scale import ROOT
from bench.scale.report import kept, machine
from bench.simulations.load import FULL, SMALL
from bench.simulations.measure import measure

BARS = {"cpu_percent": 5.0, "more_mb": 60.0}
"""The most that a figure may be."""


def main() -> int:
    """Measure; exit 1 if a figure is above its bar, or a simulation did not end well."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are ended
    parser = argparse.ArgumentParser(prog="python -m bench.simulations", description=__doc__)
    parser.add_argument("--small", action="store_true", help="three of ten pods")
    parser.add_argument("--limit", type=float, default=1800, help="seconds of the longest wait")
    parser.add_argument("--idle", type=float, default=60, help="seconds of the idle operator")
    out = ROOT / "bench" / "results" / "simulations.json"
    parser.add_argument("--out", type=Path, default=out)
    chosen = parser.parse_args()
    load, about = SMALL if chosen.small else FULL, machine(ROOT)
    found = measure(ROOT, load, chosen.idle, chosen.limit)
    kept(chosen.out, "simulations", load.pods, found, about)
    print(json.dumps(found, indent=1))
    above = [f"{name} {found[name]} > {bar}" for name, bar in BARS.items() if found[name] > bar]
    if found["phases"] != {"Succeeded": load.simulations}:
        above.append(f"not all succeeded: {found['phases']}")
    print(f"missed: {'; '.join(above)}" if above else "all bars reached")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
