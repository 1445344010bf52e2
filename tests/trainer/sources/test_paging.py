"""A range is covered whatever an exchange answers, and a page that never advances has an end."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clm_trainer.sources.ledger import Span, union
from clm_trainer.sources.paging import Page, bar_pages, event_pages, numbered_pages
from clm_trainer.sources.venues import Order

HOUR = pd.Timedelta("1h")
START = pd.Timestamp("2026-01-01", tz="UTC")


def at(hours: float) -> pd.Timestamp:
    return START + hours * HOUR


def frame(hours: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"timestamp": pd.DatetimeIndex([at(h) for h in hours], tz="UTC")})


@dataclass
class Answers:
    """An exchange with bars at some hours.

    Parameters
    ----------
    most
        Rows of an answer.
    newest_first
        Whether the newest of a range are given.
    windowed
        Whether the number of bars that is asked for ends the range.
    hears_end
        Whether an end that is told counts.
    """

    hours: list[int]
    most: int
    newest_first: bool
    windowed: bool
    hears_end: bool
    requests: list[tuple[float, int]] = field(default_factory=list)

    def ask(self, since: pd.Timestamp, bars: int, until: pd.Timestamp | None) -> pd.DataFrame:
        first = (since - START) / HOUR
        self.requests.append((first, bars))
        last = first + bars if self.windowed else float("inf")
        if until is not None and self.hears_end:
            last = min(last, (until - START) / HOUR)
        found = [h for h in self.hours if first <= h < last]
        most = min(self.most, bars)
        return frame(found[-most:] if self.newest_first else found[:most])

    def ask_range(self, gap: Span) -> pd.DataFrame:
        return self.ask(gap.start, self.most, gap.stop)


def hours_of(pages: list[Page]) -> list[int]:
    found = [int((t - START) / HOUR) for page in pages for t in page.rows["timestamp"]]
    assert len(found) == len(set(found)), "no row twice"
    return sorted(found)


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("windowed", [False, True], ids=["no window", "a window"])
@settings(max_examples=50, deadline=None)
@given(hours=st.sets(st.integers(0, 89), max_size=90), most=st.integers(1, 30))
@example(hours={0, 1, 62, 80}, most=1)
def test_bars_are_had_from_either_end_in_pages_of_any_size(
    *, newest_first: bool, windowed: bool, hours: set[int], most: int
) -> None:
    there = Answers(sorted(hours), most, newest_first, windowed, hears_end=True)
    pages = list(bar_pages(Span(at(0), at(80)), HOUR, 20, Order.UNKNOWN, there.ask))
    assert hours_of(pages) == [h for h in sorted(hours) if h < 80]
    assert union(page.covered for page in pages) == (Span(at(0), at(80)),)
    assert len(there.requests) <= 2 * 80 + 2


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
@settings(max_examples=100, deadline=None)
@given(hours=st.sets(st.integers(0, 79), min_size=2), most=st.integers(2, 30))
def test_payments_are_had_from_either_end_in_pages_of_any_size(
    *, newest_first: bool, hours: set[int], most: int
) -> None:
    there = Answers(sorted(hours), most, newest_first, windowed=False, hears_end=True)
    pages = list(event_pages(Span(at(0), at(80)), most, Order.UNKNOWN, there.ask_range))
    assert hours_of(pages) == sorted(hours)
    assert union(page.covered for page in pages) == (Span(at(0), at(80)),)
    assert len(there.requests) <= 2 * len(hours) + 2


def test_who_hears_neither_start_nor_end_gives_his_newest_bars_and_is_not_asked_for_ever() -> None:
    there = Answers(list(range(90)), 10, newest_first=True, windowed=False, hears_end=False)
    pages = list(bar_pages(Span(at(0), at(90)), HOUR, 20, Order.UNKNOWN, there.ask))
    assert hours_of(pages) == list(range(80, 90))
    assert len(there.requests) == 3


def test_payments_outside_the_range_settle_nothing_where_the_rules_are_unknown() -> None:
    always = frame([70, 74, 78])
    pages = list(event_pages(Span(at(0), at(80)), 100, Order.UNKNOWN, lambda _: always))
    assert hours_of(pages) == [70, 74, 78]
    assert union(page.covered for page in pages) == (Span(at(70), at(80)),)


@pytest.mark.parametrize(
    ("answers", "hours", "covered", "asked"),
    [
        (lambda n: frame([80 - 2 * n, 81 - 2 * n]), list(range(50, 80)), Span(at(50), at(80)), 15),
        (lambda n: frame([78, 79] if n < 3 else []), [78, 79], Span(at(78), at(80)), 2),
        (lambda n: frame([70, 75] if n == 1 else []), [70, 75], Span(at(50), at(80)), 2),
        (lambda _: frame([]), [], Span(at(50), at(80)), 1),
        (
            lambda n: frame([130 - 10 * n, 139 - 10 * n]),
            [50, 59, 60, 69, 70, 79],
            Span(at(50), at(80)),
            8,
        ),
    ],
    ids=[
        "until the start is reached",
        "the same page again",
        "no more pages",
        "no page at all",
        "a range that ended long ago",
    ],
)
def test_numbered_pages_have_an_end(
    answers: Callable[[int], pd.DataFrame], hours: list[int], covered: Span, asked: int
) -> None:
    numbers: list[int] = []

    def ask(number: int) -> pd.DataFrame:
        numbers.append(number)
        assert number < 100, "it ends"
        return answers(number)

    pages = list(numbered_pages(Span(at(50), at(80)), ask))
    assert hours_of(pages) == hours
    assert union(page.covered for page in pages) == (covered,)
    assert numbers == list(range(1, asked + 1))
