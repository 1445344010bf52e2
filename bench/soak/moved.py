"""``python -m bench.soak.moved``: the real operator on the moved clock, which it often looks at."""

import sys

from tests.support import shifted_operator

from clm_operator.round import scheduler

if __name__ == "__main__":
    vars(scheduler)["_CLOCK_LOOK_S"]  # nothing to set: elsewhere jumps would be seen late
    setattr(scheduler, "_CLOCK_LOOK_S", 0.05)  # noqa: B010 - it is private
    sys.exit(shifted_operator.main())
