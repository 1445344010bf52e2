"""The style sheet: contrast of all texts in both schemes, and no style that is not in it."""

import importlib.resources
import itertools
import re

import pytest

CSS = (importlib.resources.files("clm_cli.dashboard") / "static" / "dashboard.css").read_text()
TEMPLATES = importlib.resources.files("clm_cli.dashboard") / "templates"
TEXTS = ("text", "soft", "link", "good", "warn", "bad", "busy", "test")
GROUNDS = ("ground", "surface", "raised")
LINES = ("one", "two", "three", "four", "five")


def _schemes() -> dict[str, dict[str, str]]:
    """Return the colours of both schemes by their names."""
    parts = CSS.split("@media (prefers-color-scheme: dark)")[:2]
    found = [dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in parts]
    return dict(zip(("light", "dark"), found, strict=True))


def _luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_right() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(scheme: str) -> None:
    colours = _schemes()[scheme]
    pairs = [*itertools.product(TEXTS, GROUNDS), ("on-button", "button"), ("text", "band")]
    poor = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: value for pair, value in poor.items() if value < 4.5} == {}
    lines = {name: contrast(colours[name], colours["surface"]) for name in LINES}
    assert {name: value for name, value in lines.items() if value < 3} == {}


def test_both_schemes_name_the_same_colours() -> None:
    schemes = _schemes()
    assert schemes["light"].keys() == schemes["dark"].keys()
    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) == schemes["light"].keys()


@pytest.mark.parametrize("name", [t.name for t in TEMPLATES.iterdir()])
def test_a_template_has_neither_styles_nor_scripts_of_its_own(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|https?://", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
