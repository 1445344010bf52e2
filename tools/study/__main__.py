"""``python -m tools.study FAMILY``: the noise and planted sets, their shares, plots and table.

``python -m tools.study drift`` is another study.

Seeds are fixed: 0, 1, 2 … of each set; nothing is drawn again because of what came out.
"""

import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tools.study import drift_study
from tools.study.plots import draw
from tools.study.seeds import LEAKING, STRENGTHS, Seed, leak_is_refused
from tools.study.shares import shares, table

RESULTS = Path(__file__).parents[2] / "docs" / "study"
QUICK = {"noise": 200, "planted": 100, "leaks": 20}
SLOW = {"noise": 12, "planted": 8, "leaks": 2}
"""Networks and policies take minutes a seed."""
BESIDE = {"noise": 100, "planted": 100, "leaks": 5}
"""The first markets of the two families that are compared with."""
SIZES = {
    "xgboost": QUICK, "lightgbm": QUICK, "blend": BESIDE, "xgboost-own": BESIDE,
    "blend-nhits": {"noise": 4, "planted": 4, "leaks": 1},
}  # fmt: skip


def main(family: str) -> None:
    """Run both sets on all cores and write what came out."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    sizes = SIZES.get(family, SLOW)
    with ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        sets = {name: _run_set(pool, family, name, sizes[name]) for name in STRENGTHS}
        refuse = partial(leak_is_refused, family, features=LEAKING)
        leaks = list(pool.map(refuse, range(sizes["leaks"])))
    refused = {"runs": len(leaks), "refused": sum(leaks)}
    facts = {"family": family, "sets": sets, "leaks": refused, "shares": shares(sets)}
    (RESULTS / f"{family}.json").write_text(json.dumps(facts, indent=1) + "\n")
    draw(RESULTS / f"{family}.svg", family, sets)
    print("\n".join(table(facts)))


def _run_set(pool: ProcessPoolExecutor, family: str, name: str, size: int) -> list[dict[str, Any]]:
    rows = []
    for row in pool.map(Seed.judged, [Seed(family, name, n) for n in range(size)]):
        rows.append(row)
        print(f"\r{family} {name} {len(rows)}/{size}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


if __name__ == "__main__":
    if sys.argv[1:] == ["drift"]:
        drift_study.main()
    else:
        main(sys.argv[1])
