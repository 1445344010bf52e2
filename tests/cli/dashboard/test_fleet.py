"""The page of all schedules: rows, lights, search, filters, order, pages."""

import pytest

from clm_cli.dashboard.pages import fleet
from clm_cli.dashboard.pages.fleet import PER_PAGE, Fleet, Row
from clm_cli.dashboard.query import Query
from tests.cli.dashboard.lived import fleet as others
from tests.cli.dashboard.lived import lived, schedule
from tests.cli.dashboard.worlds import world_of

WORLD = world_of(*lived(), *others())


def shown(**parameters: str) -> Fleet:
    return fleet.page(WORLD, Query("/", parameters=tuple(parameters.items())))


def names(page: Fleet) -> list[str]:
    return [row.name for row in page.rows]


def row(name: str) -> Row:
    return next(row for row in shown().rows if row.name == name)


def test_a_row_says_all_that_matters_of_a_schedule() -> None:
    one = row("btc-eth")
    assert one.next is not None
    assert (one.next.relative, one.next.iso) == ("in 5 h", "2025-12-02T17:00:00+00:00")
    assert one.verdict is not None
    assert (one.verdict.text, one.verdict.tone) == ("TRAINING", "busy")
    assert one.production is not None
    assert (one.production.version, one.production.live) == ("btc-eth-58", "1.23 % in 31 bars")
    assert (one.promise.text, one.promise.why) == ("as promised", "Sharpe 0.61, promised 0.90")
    assert (one.drift.text, one.drift.tone) == ("steady", "good")
    assert one.symbols == "BTC/USDT ETH/USDT · 1h"


def test_what_is_wrong_is_said_in_words() -> None:
    assert row("degraded").promise.text == "degraded"
    assert row("degraded").drift.text == "drifted"
    halted = row("halted").production
    assert halted is not None
    assert (halted.version, halted.reason) == ("", "exchange maintenance")
    held, queued = row("held").queue, row("queued").queue
    assert held is not None
    assert queued is not None
    assert (held.text, held.why) == ("held-1 held back", 'RunRejected: exceeded quota: pods "4"')
    assert queued.text == "queued in training, place 3, preempted 1 time"
    assert row("trouble").trouble.startswith("DataSourceUnavailable: binance has not answered")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"q": "HALT"}, ["halted"]),
        ({"q": "btc-eth-58"}, ["btc-eth"]),
        ({"q": "eth/usdt trading", "state": "drifted"}, ["degraded"]),
        ({"namespace": "research"}, ["halted"]),
        ({"family": "nhits"}, []),
        ({"state": "trouble"}, ["trouble"]),
        ({"state": "held"}, ["held"]),
        ({"state": "queued"}, ["queued"]),
        ({"state": "running"}, ["btc-eth", "queued"]),
        ({"state": "degraded"}, ["degraded"]),
        ({"state": "halted"}, ["halted"]),
        ({"state": "production"}, ["btc-eth", "degraded"]),
        ({"state": "none such", "namespace": "research"}, ["halted"]),
        ({"sort": "-name", "state": "running"}, ["queued", "btc-eth"]),
        ({"sort": "no such column", "state": "production"}, ["btc-eth", "degraded"]),
    ],
    ids=str,
)  # fmt: skip
def test_an_address_finds_schedules(parameters: dict[str, str], expected: list[str]) -> None:
    page = shown(**parameters)
    assert names(page) == expected
    assert bool(page.empty) == (not expected)


@pytest.mark.parametrize("sort", ["production", "promise", "next", "verdict", "family"])
def test_what_is_unknown_comes_last_when_sorted_upwards(sort: str) -> None:
    page = shown(sort=sort)
    assert len(page.rows) == page.total
    assert next(h for h in page.headings if h.sorted).sorted == "ascending"
    if sort in ("production", "promise"):
        assert names(page)[-1] not in ("btc-eth", "degraded")


def test_counts_name_states_and_lead_to_them() -> None:
    page = shown(q="e", page="1")
    counts = {one.state: one for one in page.counts}
    assert (counts["trouble"].count, counts["production"].count) == (1, 2)
    assert counts["trouble"].link == "/?q=e&state=trouble"
    assert page.ready == 2
    chosen = next(one for one in shown(state="held").counts if one.state == "held")
    assert (chosen.chosen, chosen.link) == (True, "/")


@pytest.mark.parametrize(
    ("page", "first", "last"),
    [("1", 0, 49), ("3", 100, 106), ("99", 100, 106), ("x", 0, 49), ("0", 0, 49)],
)
def test_long_lists_have_pages(page: str, first: int, last: int) -> None:
    world = world_of(*(schedule(f"s-{n:03}") for n in range(2 * PER_PAGE + 7)))
    found = fleet.page(world, Query("/", parameters=(("page", page),)))
    assert (names(found)[0], names(found)[-1]) == (f"s-{first:03}", f"s-{last:03}")
    assert bool(found.later) == (last < 106)


def test_an_empty_cluster_says_what_to_do() -> None:
    assert "kubectl apply -f examples/xgboost.yaml" in fleet.page(world_of(), Query()).empty
