"""Which names of exchanges are understood, and what an upgrade of ccxt takes away."""

from pathlib import Path

import ccxt
import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.exchange import Exchange
from clm_trainer.sources.venues import SUCCESSORS, VENUES
from tests.support.repository import ROOT

LISTED = Path(__file__).with_name("ccxt_exchanges.txt").read_text().splitlines()


def refusal(name: str) -> str:
    with pytest.raises(ClmError) as caught:
        Exchange(name, "spot")
    assert caught.value.reason == "SpecInvalid"
    return caught.value.message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("huobi", 'calls "huobi" "htx": write exchange: htx'),
        ("okex", 'calls "okex" "okx": write exchange: okx'),
        ("coinbasepro", 'calls "coinbasepro" "coinbaseexchange"'),
        ("gateio", 'calls "gateio" "gate"'),
        ("bitmex", '"bitmex" is gone from ccxt'),
        ("bitmart", '"bitmart" is gone from ccxt'),
        ("ascendex", '"ascendex" is gone from ccxt'),
        ("binanec", '"binanec" is no ccxt exchange; near: binance'),
        ("bit2c", "bit2c offers no bars"),
    ],
)
def test_an_exchange_that_is_not_there_is_refused_with_the_next_step(name: str, said: str) -> None:
    message = refusal(name)
    assert message.startswith("spec.data.exchange: ")
    assert said in message


@pytest.mark.parametrize("market", ["spot", "usdm"])
@pytest.mark.parametrize("name", ccxt.exchanges)
def test_every_exchange_of_ccxt_has_pages_or_is_refused(name: str, market: str) -> None:
    plain = getattr(ccxt, name)()
    if not plain.has.get("fetchOHLCV"):
        with pytest.raises(ClmError, match="offers no bars"):
            Exchange(name, market)
        return
    exchange = Exchange(name, market)
    assert exchange.page_bars >= 1
    kinds = exchange._client.options.get("fetchMarkets")
    if isinstance(kinds, dict) and "types" in kinds:
        written = plain.options["fetchMarkets"]["types"]
        assert type(kinds["types"]) is type(written), "ccxt reads the shape that it wrote"
    exchange.close()


@pytest.mark.parametrize("name", ["gemini", "btcturk", "luno", "ndax"])
def test_a_page_size_that_ccxt_does_not_know_is_500(name: str) -> None:
    exchange = Exchange(name, "spot")
    assert exchange.page_bars == 500
    exchange.close()


def test_an_upgrade_of_ccxt_says_what_it_takes_away() -> None:
    version, *names = LISTED
    gone = sorted(set(names) - set(ccxt.exchanges))
    assert set(gone) <= set(SUCCESSORS), f"name the successors of {gone} in sources/venues.py"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert all(name in changelog for name in gone), f"CHANGELOG.md must name {gone}"
    assert version == f"ccxt {ccxt.__version__}", "write the new list to ccxt_exchanges.txt"
    assert names == ccxt.exchanges
    assert version in changelog, "CHANGELOG.md must name the version and what it takes away"


def test_successors_are_there_and_the_others_are_not() -> None:
    assert not set(SUCCESSORS) & set(ccxt.exchanges)
    assert {now for now in SUCCESSORS.values() if now} <= set(ccxt.exchanges)
    assert set(VENUES) <= set(ccxt.exchanges)
