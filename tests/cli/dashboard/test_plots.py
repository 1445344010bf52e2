"""Plots: what a screen can show, round ticks, no style that a CSP would refuse."""

import math
import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.ticks import numbers
from clm_cli.dashboard.plots.axes import Axes, roomy, thinned
from clm_cli.dashboard.plots.criteria import Judged, criterion
from clm_cli.dashboard.plots.curves import Curve, curves
from clm_cli.dashboard.plots.ticks import dates
from clm_cli.dashboard.plots.timeline import TimeLine, timeline

_NUMBERS = st.floats(-1e9, 1e9)
HOSTILE = "</text><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("span", "most", "said"),
    [
        ((0.0, 1.0), 4, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ((-2.3, 2.1), 5, ["−2", "−1", "0", "1", "2"]),
        ((0.4961, 0.5542), 3, ["0.50", "0.52", "0.54"]),
        ((900.0, 5200.0), 4, ["2000", "4000"]),
    ],
)
def test_numbers_are_round(span: tuple[float, float], most: int, said: list[str]) -> None:
    assert [text for _, text in numbers(span, most)] == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2025-12-01T05:00", "2025-12-01T23:00", ["06:00", "12:00", "18:00"]),
        ("2025-11-20T00:00", "2025-12-02T00:00", ["21 Nov", "25 Nov", "1 Dec"]),
        ("2022-01-01T00:00", "2026-01-01T00:00", ["2022", "2023", "2024", "2025", "2026"]),
    ],
)
def test_dates_are_round(first: str, last: str, said: list[str]) -> None:
    span = [datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp() for t in (first, last)]
    found = [text for _, text in dates((span[0], span[1]), 390)]
    assert set(said) <= set(found)
    assert len(found) <= 8


@given(st.floats(1e8, 4e9), st.floats(60, 4e9))
def test_dates_of_any_span_fit(first: float, length: float) -> None:
    ticks = dates((first, first + length), 300)
    assert len(ticks) <= 6
    assert all(first <= at <= first + length for at, _ in ticks)


@given(st.lists(st.tuples(st.floats(0, 50), _NUMBERS), min_size=1).map(sorted))
def test_thinning_keeps_ends_and_extremes(points: list[tuple[float, float]]) -> None:
    kept = thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(y for _, y in points), max(y for _, y in points)} <= {y for _, y in kept}
    assert len(kept) <= 4 * 51


@given(st.lists(_NUMBERS))
def test_an_axis_has_room_for_any_values(values: list[float]) -> None:
    low, high = roomy(values)
    assert low < high
    assert all(low <= value <= high for value in values)


def _plots() -> list[str]:
    values = [None, 0.0, 1e6, None, -3.0, 1.0, 2.0, 1.5, 1.1]
    rows = [
        Judged(1e9 + place, value, 1.0, place > 3, HOSTILE, "/x?a=1&b=2")
        for place, value in enumerate(values)
    ]
    one = [Judged(1e9, None, 0.0, passed=False, said=HOSTILE, link="/")]
    empty = TimeLine([], [], [], [], 1e9)
    line = Curve(HOSTILE, "one", [(1e9, 0.0)])
    axes = Axes(100, 80, (0.0, 1.0), (0.0, 1.0))
    axes.text(1, 2, HOSTILE)
    return [
        str(criterion("a", HOSTILE, rows, HOSTILE)),
        str(criterion("b", "one", one, "")),
        str(timeline(empty, HOSTILE)),
        str(curves("c", HOSTILE, [line], HOSTILE)),
        str(axes.drawn("d", HOSTILE)),
    ]


@pytest.mark.parametrize("drawn", _plots())
def test_a_plot_is_well_formed_described_and_without_styles(drawn: str) -> None:
    assert "style=" not in drawn
    assert "<script" not in drawn
    root = ET.fromstring(f"<div>{drawn}</div>")
    for svg in root.findall("svg"):
        ids = {child.get("id") for child in svg}
        assert {svg.get("aria-labelledby"), svg.get("aria-describedby")} <= ids
        assert svg.get("role") == "img"
    assert not re.search(r"\b(nan|inf)\b", drawn)
    assert math.isfinite(float(root[0].get("viewBox", "").split()[2]))
