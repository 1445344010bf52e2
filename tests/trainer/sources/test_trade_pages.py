"""Fills of a range are had whole, also where an exchange does not hear the range's end."""

from hypothesis import given
from hypothesis import strategies as st

from clm_trainer.sources.trade_pages import Fills, trade_pages

STOP = 100


@given(
    times=st.sets(st.integers(0, STOP), max_size=60),
    most=st.integers(2, 12),
    window=st.one_of(st.none(), st.integers(5, 40)),
    hears_end=st.booleans(),
)
def test_no_fill_is_lost_or_had_twice(
    *, times: set[int], most: int, window: int | None, hears_end: bool
) -> None:
    asked: list[tuple[int, int]] = []

    def ask(since: int, until: int) -> Fills:
        asked.append((since, until))
        there = [t for t in sorted(times) if since <= t and (t <= until or not hears_end)]
        return [{"id": f"f{t}", "timestamp": t} for t in there[:most]]

    found = [one["timestamp"] for page in trade_pages(0, STOP, window, ask) for one in page]
    assert sorted(found) == sorted(times)
    assert len(asked) <= 6 * (len(times) + STOP // (window or STOP) + 1)
