"""A whole run on fine bars, in a process of its own, stays lean."""

from bench.runs import Load, measure, stored

MOST_MB = 650
"""Six symbols, 300 days of 15m bars: 520 MB, of which libraries are 350; the build that kept all
features of all rows took 723."""


def test_a_run_on_fine_bars_keeps_few_rows_in_memory() -> None:
    compiles, load = Load(1, "1h", 300), Load(6, "15m", 300)
    with stored(compiles) as store:
        measure(compiles, store)  # what numba needs to compile is none of a run's memory
    with stored(load) as store:
        assert measure(load, store).peak_mb < MOST_MB
