"""evidently's drift preset and river's ADWIN, both with their defaults, on exported streams.

Runs in an environment of its own, so it shares no code with the project.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from river.drift import ADWIN

YEAR, WEEK, DEADLINE, COOLDOWN = 8766, 168, 96, 24
ASKED = 4
"""evidently is asked about one week in so many: a look takes it seconds."""
Stream = dict[str, np.ndarray]


def frame(columns: Stream, rows: slice) -> pd.DataFrame:
    """Rows of all symbols below each other."""
    return pd.DataFrame({name: values[rows].ravel() for name, values in columns.items()})


def evidently_sees(reference: pd.DataFrame, window: pd.DataFrame) -> bool:
    """Whether the preset calls the dataset drifted: half of its columns or more."""
    told = Report([DataDriftPreset()]).run(window, reference).dict()
    value = next(m["value"] for m in told["metrics"] if m["metric_name"].startswith("Drifted"))
    return bool(value["share"] >= 0.5)


def evidently_alarms(columns: Stream) -> float:
    """Weeks of the year after the training that it calls drifted, from the share of those asked."""
    reference = frame(columns, slice(0, YEAR))
    weeks = range(YEAR, 2 * YEAR - WEEK + 1, ASKED * WEEK)
    seen = [evidently_sees(reference, frame(columns, slice(w, w + WEEK))) for w in weeks]
    return float(np.mean(seen)) * YEAR / WEEK


def adwin_alarms(columns: Stream, begin: int) -> list[int]:
    """Bars at which any column's detector fires, from a bar on; one in a day at most."""
    fired: set[int] = set()
    for values in columns.values():
        detector = ADWIN()
        for bar, value in enumerate(np.nanmean(values, axis=1)):
            if np.isnan(value):  # after one of them it would never fire again
                continue
            detector.update(float(value))
            if detector.drift_detected and bar >= begin:
                fired.add(bar)
    kept: list[int] = []
    for bar in sorted(fired):
        if not kept or bar - kept[-1] >= COOLDOWN:
            kept.append(bar)
    return kept


def changed(columns: Stream, row: int, window: Stream) -> Stream:
    """The whole stream up to four days after the change."""
    stop = row + DEADLINE
    return {k: np.concatenate([v[: stop - WEEK], window[k]]) for k, v in columns.items()}


def main(folder: str) -> None:
    """Read every market, and print the rates as one line of JSON."""
    alarms: dict[str, list[float]] = {"evidently": [], "river": []}
    found: dict[str, dict[str, list[bool]]] = {"evidently": {}, "river": {}}
    for path in sorted(Path(folder).glob("*-0.npz")):
        columns, _, row = read(path)
        alarms["evidently"].append(evidently_alarms(columns))
        alarms["river"].append(len(adwin_alarms(columns, YEAR)))
        reference = frame(columns, slice(0, YEAR))
        for other in sorted(path.parent.glob(path.name.replace("-0", "-[1-9]"))):
            window, what, _ = read(other)
            whole = changed(columns, row, window)
            sees = {
                "evidently": evidently_sees(reference, frame(window, slice(None))),
                "river": bool(adwin_alarms(whole, row)),
            }
            for name, answer in sees.items():
                found[name].setdefault(what, []).append(answer)
        print(path.name, alarms, file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                name: {
                    "version": version(name),
                    "markets": len(alarms[name]),
                    "alarmsAYear": float(np.mean(alarms[name])),
                    "foundWithin4Days": {k: float(np.mean(v)) for k, v in found[name].items()},
                }
                for name in alarms
            }
        )
    )


def read(path: Path) -> tuple[Stream, str, int]:
    """Return the columns, what changed, and at which row."""
    with np.load(path) as stored:
        names = [name for name in stored.files if not name.startswith("__")]
        what, row = str(stored["__what__"]), int(stored["__row__"])
        return {name: stored[name] for name in names}, what, row


if __name__ == "__main__":
    main(sys.argv[1])
