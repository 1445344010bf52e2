"""``python -m bench.soak``: live through it, and print what was found; exit 1 if anything was."""

import argparse
import json
import secrets
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.soak import ROOT
from bench.soak.fleet import FLEET, season
from bench.soak.soak import Size, soak


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=None, help="the same seed gives the same story")
    add("--days", type=int, default=60, help="simulated days")
    add("--schedules", type=int, default=len(FLEET), help="the first so many of the fleet")
    add("--kills", type=int, default=40)
    add("--start", default=None, help="first day, YYYY-MM-DD, later than today")
    add("--repo", type=Path, default=ROOT, help="the checkout whose operator runs")
    add("--out", type=Path, default=ROOT / "bench" / "results" / "soak.json")
    return parser.parse_args()


def main() -> int:
    """Soak once; exit 1 if anything is wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are ended
    chosen = options()
    now = datetime.now(UTC)
    start = (
        datetime.fromisoformat(chosen.start).replace(tzinfo=UTC)
        if chosen.start
        else season(now, chosen.days)
    )
    if start < now + timedelta(days=2):
        sys.exit(f"--start {chosen.start}: a moved clock runs ahead: two days from now or later")
    seed = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
    size = Size(chosen.days, chosen.schedules, chosen.kills)
    result = soak(chosen.repo.resolve(), start, size, seed)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result.to_json(), indent=1))
    print(result.text())
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
