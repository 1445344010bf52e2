"""``python -m tests.support.shifted_operator``: the real operator, on a clock that tests move.

The file that CLM_TEST_AHEAD names says how many seconds the clock is ahead.
"""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from clm_operator import __main__ as operator
from clm_operator import wiring
from clm_operator.clock import SystemClock

AHEAD = "CLM_TEST_AHEAD"


class MovedClock(SystemClock):
    """The machine's clock, moved."""

    def now(self) -> datetime:
        """Return the time that the test wants it to be."""
        return super().now() + timedelta(seconds=float(Path(os.environ[AHEAD]).read_text()))


def main() -> int:
    """Run the operator on the moved clock; return its exit code."""
    vars(wiring)["SystemClock"]  # where it is made: elsewhere it would not be moved
    setattr(wiring, "SystemClock", MovedClock)  # noqa: B010 - it is imported there, not exported
    return operator.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
