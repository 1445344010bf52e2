"""Round numbers and round dates on the axes."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.ticks import numbers
from clm_trainer.tearsheet.svg import NARROW, WIDE
from clm_trainer.tearsheet.ticks import dates


@pytest.mark.parametrize(
    ("span", "most", "said"),
    [
        ((0.88, 1.52), 8, ["0.9", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]),
        ((-0.31, 0.02), 5, ["−0.3", "−0.2", "−0.1", "0.0"]),
        ((-1.2, 9.7), 5, ["0.0", "2.5", "5.0", "7.5"]),
        ((0.95, 1.05), 9, ["0.96", "0.98", "1.00", "1.02", "1.04"]),
        ((0.0, 3e6), 5, ["0", "1000000", "2000000", "3000000"]),
    ],
    ids=["tenths", "below nothing", "quarters", "hundredths", "millions"],
)
def test_round_numbers(span: tuple[float, float], most: int, said: list[str]) -> None:
    found = numbers(span, most)
    assert [text for _, text in found] == said
    assert [value for value, _ in found] == pytest.approx(
        [float(text.replace("−", "-")) for text in said]
    )


@pytest.mark.parametrize(
    ("first", "last", "width", "said"),
    [
        ("2025-09-03", "2025-12-02", WIDE,
         ["15 Sep", "1 Oct", "15 Oct", "1 Nov", "15 Nov", "1 Dec"]),
        ("2025-09-03", "2025-12-02", NARROW, ["Oct", "Nov", "Dec"]),
        ("2023-12-03", "2025-12-02", NARROW, ["2024", "Jul", "2025", "Jul"]),
        ("2026-01-01T05:00", "2026-01-02T15:00", NARROW, ["12:00", "2 Jan", "12:00"]),
        ("1995-06-01", "2026-06-01", NARROW, ["2000", "2010", "2020"]),
        ("2024-01-28T12:00", "2024-03-03", NARROW, ["1 Feb", "15 Feb", "1 Mar"]),
    ],
    ids=[
        "a quarter on a desk", "a quarter on a telephone", "two years", "a day and a half",
        "a generation", "a leap year's February",
    ],
)  # fmt: skip
def test_round_dates(first: str, last: str, width: int, said: list[str]) -> None:
    span = [datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp() for t in (first, last)]
    assert [text for _, text in dates((span[0], span[1]), width)] == said


@given(
    st.floats(0, 4e9),
    st.floats(120, 1e9),
    st.sampled_from([WIDE, NARROW]),
)
def test_dates_lie_within_their_span_apart_and_in_order(
    first: float, length: float, width: int
) -> None:
    found = np.array([time for time, _ in dates((first, first + length), width)])
    assert ((found >= first) & (found <= first + length)).all()
    places = (found - first) / length * (width - 64)
    assert (np.diff(places) > 36).all(), "two dates lie on each other"
