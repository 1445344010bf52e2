"""Every page has its template, and every name in it is text."""

from datetime import timedelta
from typing import Any

import pytest

from clm_cli.dashboard.app import PAGES
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.templating import Frame, ago, environment, number, percent, rendered
from clm_cli.dashboard.world import Key
from tests.cli.dashboard.worlds import NOW, judged, schedule, simulation, world_of

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`{{7777*7777}}\u202e"
OWNER = schedule()
WORLD = world_of(
    OWNER,
    judged(OWNER, "btc-1", message=HOSTILE, reason=HOSTILE[:20]),
    judged(OWNER, "btc-2", message=HOSTILE),
    simulation("choice", message=HOSTILE, phase="Failed"),
)
KEYS = {"schedule": "btc-eth", "version": "btc-1", "simulation": "choice"}


def shown(module: Any, layout: str = "base.html") -> str:
    name = module.__name__.rpartition(".")[2]
    pairs = (("v", "trading/btc-1"), ("v", "trading/btc-2"))
    query = Query("/", Key("trading", KEYS.get(name, "")), pairs)
    frame = Frame(layout, "/", module.topics(WORLD, query), WORLD.revision, HOSTILE, lambda: "once")
    context = {"page": module.page(WORLD, query), "frame": frame, "world": WORLD}
    return rendered(environment(), f"{name}.html", context)


@pytest.mark.parametrize("module", [m for _, m in PAGES], ids=lambda m: m.__name__)
def test_a_page_shows_hostile_text_as_text(module: Any) -> None:
    html = shown(module)
    assert html.startswith("<!doctype html>")
    assert "<img" not in html
    assert "60481729" not in html
    assert "\u202e" not in html
    fragment = shown(module, "fragment.html")
    assert fragment.startswith("<title>")
    assert fragment.count("<main") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (59, "59 s ago"), (3661, "1 h 1 min ago"), (-90061, "in 1 d 1 h")],
)
def test_a_time_is_told_from_now(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_numbers_have_one_form() -> None:
    assert (number(-0.001), number(None), percent(0.1234)) == ("0.00", "–", "12.3 %")
