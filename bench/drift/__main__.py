"""``python -m bench.drift``: export streams of the study, let the peers read them, print rates.

``bench/drift/setup.sh`` installs the peers first.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tools.study.drift import DEADLINE, HISTORY, LOOK, MARKET, SETS, WINDOWS, YEAR, Market
from tools.study.drift_study import FOLDER

from clm_trainer.monitoring.drift_columns import Columns

MARKETS = 4
HERE = Path(__file__).parent
RESULTS = FOLDER / "peers.json"


def export(folder: Path, seed: int) -> None:
    """Write a market that stays, and the same from each change on, as the study draws them."""
    rng = np.random.default_rng([99, seed])
    market = Market.of(SETS["garch"](seed))
    row = int(rng.integers(YEAR + WINDOWS.reach, 2 * YEAR - DEADLINE))
    row -= row % LOOK
    near = market.panel.window(row - HISTORY, row + DEADLINE)
    streams: dict[str, Columns] = {"": market.columns}
    for name, change in MARKET.items():
        later = Market.of(change(near, HISTORY, rng)).columns
        streams[name] = {k: v[-WINDOWS.bars :] for k, v in later.items()}
    step = np.nanstd(market.columns["ret1"][:YEAR])
    newest = slice(row + DEADLINE - WINDOWS.bars, row + DEADLINE)
    moved = {k: v[newest].copy() for k, v in market.columns.items()}
    moved["ret1"][-DEADLINE:] += step
    streams["mean of ret1 + 1 sd"] = moved
    for place, (name, columns) in enumerate(streams.items()):
        stored: dict[str, Any] = {"__what__": name, "__row__": row, **columns}
        np.savez(folder / f"{seed}-{place}.npz", **stored)


def main() -> None:
    """Print and keep what the peers say."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(MARKETS):
            export(Path(folder), seed)
        python = HERE / ".venv" / "bin" / "python"
        told = subprocess.run(
            [python, HERE / "peers.py", folder], check=True, stdout=subprocess.PIPE, text=True
        )
    found = json.loads(told.stdout.splitlines()[-1])
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
