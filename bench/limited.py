"""LightGBM in a process that its cgroup limits to one CPU, as a Job's pod is.

The library makes a thread for each core that it sees; the kernel lets all of them together run for
one CPU's time. CLM makes as many threads as the limit allows.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.serve import Result, Task, serve

ROOT = Path("/sys/fs/cgroup")
V1 = ROOT / "cpu"
PERIOD_US = 100_000


@contextmanager
def one_cpu() -> Iterator[Path | None]:
    """Make a group that is limited to one CPU; None where this process may not.

    Processes in it must have ended before this does: a group that holds any can't be removed.
    """
    group = (V1 if V1.exists() else ROOT) / f"clm-bench-{os.getpid()}"
    limits = {"cpu.max": f"{PERIOD_US} {PERIOD_US}"}
    if V1.exists():
        limits = dict.fromkeys(("cpu.cfs_period_us", "cpu.cfs_quota_us"), str(PERIOD_US))
    try:
        group.mkdir()
        for name, value in limits.items():
            (group / name).write_text(value)
    except OSError:
        allowed = False
    else:
        allowed = True
    try:
        yield group if allowed else None
    finally:
        if group.exists():
            group.rmdir()


def enter(group: Path) -> int:
    """Put this process into the group; return how many threads CLM makes in it."""
    from clm_trainer.threads import quota

    (group / "cgroup.procs").write_text(str(os.getpid()))
    files = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")
    allowed = quota(*(group / name for name in files))
    assert allowed == 1, f"{group} allows {allowed} CPUs"
    return int(allowed)


def fit_and_score(threads: int) -> Task:
    """Fit two years from nothing, and score the tail."""
    from bench.boosting import context, window
    from clm_api.parameters.boosting import LightgbmParameters
    from clm_trainer.families.lightgbm import LightgbmFamily

    learn, tail = window()
    how = replace(context(), threads=threads)

    def task() -> Result:
        family = LightgbmFamily(LightgbmParameters())
        return {"scores": family.fit(learn, tail, how).score(tail)}

    return task


def main(folder: str, whose: str) -> None:
    allowed = enter(Path(folder))
    threads = allowed if whose == "ours" else 0  # 0: LightGBM's default
    serve({"lightgbm": lambda: fit_and_score(threads)}, ("lightgbm", "numpy"))


if __name__ == "__main__":
    main(*sys.argv[1:])
