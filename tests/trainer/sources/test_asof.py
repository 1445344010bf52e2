"""What the closes of bars see of a series: what was known by then, as it was known then."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.asof import Rows, as_known, require_known

NAN = float("nan")


def rows(*each: tuple[int, int, float]) -> Rows:
    """Rows of (about, known, value)."""
    about, known, values = np.array(each or np.empty((0, 3)), dtype=float).T
    return Rows.of(about.astype(np.int64), known.astype(np.int64), values)


def closes(*times: int) -> NDArray[np.int64]:
    return np.array(times, np.int64)


@dataclass(frozen=True)
class Case:
    name: str
    rows: tuple[tuple[int, int, float], ...]
    seen: tuple[float, ...]
    """At the closes 10, 20, 30."""
    max_age: int | None = None


CASES = [
    Case("nothing was ever known", (), (NAN, NAN, NAN)),
    Case("a value is seen from the close at which it is available", ((5, 20, 1),), (NAN, 1, 1)),
    Case("not one moment earlier", ((5, 21, 1),), (NAN, NAN, 1)),
    Case("the newest time wins", ((5, 6, 1), (15, 16, 2)), (1, 2, 2)),
    Case("a correction is seen once it is known", ((5, 6, 1), (5, 25, 3)), (1, 1, 3)),
    Case(
        "a correction of an older time changes nothing newer",
        ((5, 6, 1), (15, 16, 2), (5, 25, 9)),
        (1, 2, 2),
    ),
    Case("what became known late does not displace newer times", ((15, 16, 2), (5, 17, 1)),
         (NAN, 2, 2)),
    Case("a forecast is seen before its time", ((99, 10, 4),), (4, 4, 4)),
    Case("an empty cell says nothing", ((5, 6, 1), (15, 16, NAN)), (1, 1, 1)),
    Case("a value of the greatest age is seen, an older one is not", ((5, 10, 1),), (1, 1, NAN),
         max_age=10),
    Case("the age counts from the correction", ((5, 10, 1), (5, 20, 2)), (1, 2, 2), max_age=10),
    Case(
        "a newest value that is too old hides older ones",
        ((15, 8, 1), (5, 25, 2)),
        (1, NAN, NAN),
        max_age=9,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_close_sees_what_was_known_then(case: Case) -> None:
    seen = as_known(rows(*case.rows), closes(10, 20, 30), case.max_age)
    np.testing.assert_array_equal(seen.numbers, case.seen)
    assert ((seen.ages == -1) == np.isnan(seen.numbers)).all()


def slowly(each: list[tuple[int, int, float]], close: int, max_age: int | None) -> float:
    """The same, one row after the other."""
    known = [row for row in each if row[1] <= close and not np.isnan(row[2])]
    if not known:
        return NAN
    newest = max(known, key=lambda row: (row[0], row[1]))
    return newest[2] if max_age is None or close - newest[1] <= max_age else NAN


moments = st.integers(0, 40)
series = st.lists(
    st.tuples(moments, moments, st.sampled_from([NAN, 0.0, 1.0, 2.0, 3.0, 4.0])),
    max_size=30,
    unique_by=lambda row: row[:2],
)
ages = st.none() | st.integers(0, 20)


@given(series, st.lists(moments, min_size=1, max_size=20, unique=True).map(sorted), ages)
def test_every_close_sees_what_a_slow_look_at_all_rows_finds(
    each: list[tuple[int, int, float]], times: list[int], max_age: int | None
) -> None:
    made = rows(*each)
    seen = as_known(made, closes(*times), max_age).numbers
    np.testing.assert_array_equal(seen, [slowly(each, close, max_age) for close in times])
    require_known("mood.score", seen, made, closes(*times), max_age)


@given(series, st.lists(moments, min_size=1, max_size=20, unique=True).map(sorted), moments, ages)
def test_rows_that_become_known_later_change_nothing_before(
    each: list[tuple[int, int, float]], times: list[int], cut: int, max_age: int | None
) -> None:
    made, before = rows(*each), closes(*(time for time in times if time <= cut))
    kept = as_known(made.known_by(cut), before, max_age).numbers
    np.testing.assert_array_equal(kept, as_known(made, before, max_age).numbers)


DAY, HOUR = 24, 1


def daily(seed: int) -> Rows:
    """Numbers about each day that are known an hour after its end, a few of them corrected."""
    rng = np.random.default_rng(seed)
    about = np.arange(60) * DAY
    told = rng.normal(size=60)
    corrected = rng.choice(60, 6, replace=False)
    return Rows.of(
        np.concatenate([about, about[corrected]]),
        np.concatenate([about + DAY + HOUR, about[corrected] + 5 * DAY]),
        np.concatenate([told, told[corrected] + 1]),
    )


BARS = np.arange(1, 60 * DAY, dtype=np.int64)


def by_its_own_time(found: Rows) -> Rows:
    """What a join by the timestamp would see."""
    return Rows.of(found.about, found.about, found.numbers)


def an_hour_early(found: Rows) -> Rows:
    return Rows.of(found.about, found.known - HOUR, found.numbers)


def corrected_from_the_start(found: Rows) -> Rows:
    """What was known first is forgotten."""
    last = dict(zip(found.about, found.numbers, strict=True))
    numbers = np.array([last[about] for about in found.about])
    return Rows.of(found.about, found.known, numbers)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "leak", [by_its_own_time, an_hour_early, corrected_from_the_start], ids=attrgetter("__name__")
)
def test_values_that_bars_have_before_they_were_available_are_refused(
    leak: Callable[[Rows], Rows], seed: int
) -> None:
    honest = daily(seed)
    require_known("mood.score", as_known(honest, BARS, None).numbers, honest, BARS, None)
    leaked = as_known(leak(honest), BARS, None).numbers
    with pytest.raises(ClmError) as refused:
        require_known("mood.score", leaked, honest, BARS, None)
    assert refused.value.reason is Reason.METRICS_REJECTED
    assert "mood.score has a value at the close of 1970-01-01" in refused.value.message


def test_one_value_of_all_bars_that_came_too_early_is_found() -> None:
    honest = daily(1)
    seen = as_known(honest, BARS, None).numbers
    first = int(np.flatnonzero(honest.known[55] == BARS)[0])
    seen[first - 1] = honest.numbers[55]
    with pytest.raises(ClmError, match="that was not available then"):
        require_known("mood.score", seen, honest, BARS, None)


def test_a_value_that_no_row_has_is_found() -> None:
    honest = daily(1)
    seen = as_known(honest, BARS, None).numbers
    seen[-1] = 123.0
    with pytest.raises(ClmError, match="that was not available then"):
        require_known("mood.score", seen, honest, BARS, None)
