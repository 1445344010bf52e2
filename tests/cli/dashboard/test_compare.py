"""Versions beside one another, and what a lead is worth."""

import pytest

from clm_cli.dashboard.pages import compare
from clm_cli.dashboard.pages.compare import Compare
from clm_cli.dashboard.query import NotShownError, Query
from tests.cli.dashboard import worlds
from tests.cli.dashboard.lived import THERE, lived, stored
from tests.cli.dashboard.worlds import NAMESPACE, world_of

WORLD = world_of(*lived())


def page(*names: str, files: bool = False) -> Compare:
    pairs = tuple(("v", f"{NAMESPACE}/{name}") for name in names)
    query = Query("/compare", parameters=pairs, files=stored() if files else {})
    return compare.page(WORLD, query)


def test_the_best_of_a_row_is_marked_where_one_end_is_better() -> None:
    rows = {row.name: row for row in page(THERE, "btc-eth-41").metrics}
    marked = {name: [cell.best for cell in row.cells] for name, row in rows.items()}
    assert marked["Sharpe ratio, annualised"] == [True, False]
    assert marked["largest drawdown"] == [True, False]  # less is better
    assert marked["closed trades"] == [False, False]  # neither is
    assert marked["deflated Sharpe ratio"] == [False, False]  # both are the same


def test_a_lead_within_noise_is_called_so() -> None:
    words = page(THERE, "btc-eth-41").caution
    assert "is within noise" in words
    assert "40.0 %: that may be luck" in words


def test_a_lead_beyond_noise_is_not_called_noise() -> None:
    owner = worlds.schedule()
    far = [
        worlds.judged(owner, f"v-{n}", metrics={"sharpe": s, "deflatedSharpe": 0.99})
        for n, s in enumerate((9.0, -3.0))
    ]
    pairs = tuple(("v", f"{NAMESPACE}/v-{n}") for n in range(2))
    words = compare.page(world_of(owner, *far), Query(parameters=pairs)).caution
    assert "within noise" not in words
    assert "99.0 %: more than luck" in words


def test_settings_that_are_the_same_are_left_out() -> None:
    assert list(page(THERE, "btc-eth-41").settings) == []
    owner = worlds.schedule()
    one, other = worlds.judged(owner, "v-0"), worlds.judged(owner, "v-1")
    other["spec"]["run"]["model"]["seed"] = 99
    pairs = (("v", "trading/v-0"), ("v", "trading/v-1"))
    found = compare.page(world_of(owner, one, other), Query(parameters=pairs)).settings
    assert [(row.name, row.cells[1].text) for row in found] == [("model.seed", "99")]


def test_curves_are_drawn_of_those_that_the_store_holds() -> None:
    assert "--store" in page(THERE, "btc-eth-41").equity_words
    found = page(THERE, "btc-eth-41", "btc-eth-60", files=True)
    assert str(found.equity).count('class="curve') == 4  # two curves, for two screens
    assert found.equity_words == "btc-eth-60: no equity is stored"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([THERE], "Choose 2 to 5 versions"),
        ([f"btc-eth-{n}" for n in range(40, 46)], "this address has 6"),
        ([THERE, "gone"], "No such ModelVersion is known here: trading/gone"),
        ([THERE, THERE], "this address has 1"),
    ],
)
def test_an_address_that_names_no_comparison_says_why(names: list[str], words: str) -> None:
    with pytest.raises(NotShownError, match=words):
        page(*names)


def test_each_version_can_be_left_out_while_three_are_there() -> None:
    assert [one.without for one in page(THERE, "btc-eth-41").columns] == ["", ""]
    assert page(THERE, "btc-eth-41", "btc-eth-57").columns[0].without == (
        "/compare?v=trading%2Fbtc-eth-41&v=trading%2Fbtc-eth-57"
    )
