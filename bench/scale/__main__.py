"""``python -m bench.scale COMMAND``: measure, and show the figures beside their bars."""

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scale import ROOT
from bench.scale.figures import missed
from bench.scale.measure import BURST, PARTS, measure
from bench.scale.peer import peer
from bench.scale.profiling import profile
from bench.scale.report import kept, machine, sizes_of, table
from bench.scale.twins import twins
from bench.scale.versions import versions

Raw = dict[str, Any]
Options = argparse.Namespace
COMMANDS: dict[str, Callable[[Options, int], Raw]] = {
    "measure": lambda o, size: measure(o.repo, size, set(o.parts.split(",")), o.limit),
    "versions": lambda o, size: versions(o.repo, size, o.each, o.limit),
    "peer": lambda o, size: peer(o.repo, size, BURST),
    "profile": lambda o, size: profile(o.repo, size, o.seconds, o.spy, o.limit),
    "twins": lambda o, size: twins(o.repo, size, o.credentials, stopped=o.stopped),
}
SHOWN = {"profile", "twins"}
"""Commands whose results have no bar: they are printed as they are."""


def options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    add = parser.add_argument
    add("command", choices=COMMANDS)
    add("--sizes", default="100,300", help="numbers of schedules")
    add("--repo", type=Path, default=ROOT, help="the checkout whose operator is measured")
    add("--out", type=Path, default=ROOT / "bench" / "results" / "scale.json")
    add("--limit", type=float, default=600, help="seconds of the longest wait")
    add("--parts", default=",".join(PARTS), help="measure: which parts, after both starts")
    add("--each", type=int, default=13, help="versions: how many of each schedule")
    add("--seconds", type=int, default=40, help="profile: how long")
    add("--spy", default="py-spy", help="profile: the program")
    add("--credentials", default="Static", choices=("Static", "PerRun"), help="twins")
    add("--stopped", action="store_true", help="twins: the first sleeps through the slot")
    found = parser.parse_args()
    if unknown := set(found.parts.split(",")) - set(PARTS):
        parser.error(f"--parts: {', '.join(sorted(unknown))}: not one of {', '.join(PARTS)}")
    found.repo = found.repo.resolve()
    return found


def main() -> int:
    """Measure each size; exit 1 if a figure is above its bar."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are ended
    chosen = options()
    results: Raw = {}
    for size in map(int, chosen.sizes.split(",")):
        about = machine(chosen.repo)
        found = COMMANDS[chosen.command](chosen, size)
        results = kept(chosen.out, chosen.command, size, found, about)
        if chosen.command in SHOWN:
            print(json.dumps(found, indent=1))
    text = table(results)
    chosen.out.with_suffix(".md").write_text("\n".join(text) + "\n")
    print("\n".join(text))
    above = missed(results, sizes_of(results))
    print(f"missed: {', '.join(above)}" if above else "all bars reached")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
