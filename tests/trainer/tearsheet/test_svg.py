"""Marks of a plot: what a screen can't show is left out, and nothing that it can."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from clm_trainer.panel import Floats
from clm_trainer.tearsheet.plots import importance
from clm_trainer.tearsheet.svg import BOTTOM, LEFT, NARROW, RIGHT, TOP, Axes, Colour, roomy


def drawn(x: Floats, y: Floats) -> list[Floats]:
    """Return the points of each part of a line on axes from 0 to 1."""
    axes = Axes(NARROW, 200, (0.0, 1.0), (0.0, 1.0))
    axes.line(x, y, Colour.MODEL)
    parts = re.findall(r'd="M([^"]*)"', axes.inline("a line", "desk"))
    return [np.array(part.split(), dtype=float).reshape(-1, 2) for part in parts]


def test_a_short_line_is_drawn_point_by_point() -> None:
    (points,) = drawn(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 0.5]))
    right, low = NARROW - RIGHT, 200 - BOTTOM
    assert points.tolist() == [
        [LEFT, low], [(LEFT + right) / 2, TOP], [right, (TOP + low) / 2],
    ]  # fmt: skip


def test_a_line_with_holes_has_parts() -> None:
    y = np.array([np.nan, 0.1, 0.2, np.nan, 0.3, 0.4])
    assert [len(part) for part in drawn(np.linspace(0, 1, 6), y)] == [2, 2]


def test_of_many_points_the_highest_and_lowest_of_each_px_are_drawn() -> None:
    x, y = np.linspace(0, 1, 100_000), np.random.default_rng(1).random(100_000)
    y[43_210], y[87_654] = 1.0, 0.0
    (points,) = drawn(x, y)
    assert len(points) <= 2 * NARROW + 2
    assert (np.diff(points[:, 0]) >= 0).all()
    assert points[:, 1].min() == TOP
    assert points[:, 1].max() == 200 - BOTTOM
    axes = Axes(NARROW, 200, (0.0, 1.0), (0.0, 1.0))
    across, down = axes.across(x), axes.down(y)
    for px in range(LEFT, NARROW - RIGHT):
        inside = (across >= px) & (across < px + 1)
        shown = points[(points[:, 0] >= px - 0.05) & (points[:, 0] <= px + 1.05), 1]
        assert shown.min() <= down[inside].min() + 0.05
        assert shown.max() >= down[inside].max() - 0.05


@pytest.mark.parametrize(
    ("values", "span"),
    [
        ([1.0, 3.0], (0.9, 3.1)),
        ([2.0, 2.0], (1.9, 2.1)),
        ([0.0, np.nan], (-0.05, 0.05)),
        ([np.nan], (-0.05, 0.05)),
    ],
    ids=["a span", "equal values", "nothing but 0", "no value"],
)
def test_an_axis_has_room(values: list[float], span: tuple[float, float]) -> None:
    assert roomy(np.array(values)) == pytest.approx(span)


def test_a_file_of_its_own_is_well_formed_and_brings_its_colours() -> None:
    axes = Axes(NARROW, 200, (0.0, 1.0), (0.0, 1.0))
    axes.y_ticks([(0.5, "<half> & more")])
    root = ET.fromstring(axes.drawing('a "title"', {Colour.TEXT: "#000", Colour.GRID: "#ccc"}))
    assert root.get("aria-label") == 'a "title"'
    assert "--grid:#ccc" in root.get("style", "")
    assert [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")] == ["<half> & more"]


def test_a_feature_s_name_of_any_length_leaves_room_for_its_bar() -> None:
    page = str(importance({"a" * 300: 0.7, "<b>": 0.3}))
    widths = [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)"', page)]
    assert min(widths) > 40
    assert "aaa…</text>" in page
    assert "&lt;b&gt;" in page
