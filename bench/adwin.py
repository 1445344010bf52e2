"""river's ADWIN with its defaults on the streams of ``tools.study.degradation --streams FILE``.

``python -m bench.adwin FILE``, in an environment with river and numpy. It sees the backtest's
returns, then the year's; once as they are, once divided by the backtest's deviation.
"""

import json
import sys

import numpy as np
from river.drift import ADWIN

BACKTEST_BARS, SOON_BARS = 90 * 24, 45 * 24


def first_alarm(returns: np.ndarray) -> int | None:
    """Bars of the year after which it first says that the mean has changed."""
    detector = ADWIN()
    for number, value in enumerate(returns.tolist()):
        detector.update(value)
        if detector.drift_detected and number >= BACKTEST_BARS:
            return number - BACKTEST_BARS + 1
    return None


def main(path: str) -> None:
    made = {}
    for name, streams in np.load(path).items():
        for scale in ("as they are", "in deviations"):
            alarms = [
                first_alarm(row / row[:BACKTEST_BARS].std() if scale != "as they are" else row)
                for row in streams
            ]
            known = [one for one in alarms if one is not None]
            soon = [one for one in known if one <= SOON_BARS]
            made[f"{name}, returns {scale}"] = {
                "alarms": len(known) / len(streams),
                "within45Days": len(soon) / len(streams),
            }
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
