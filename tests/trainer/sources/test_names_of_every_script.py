"""A listing with another name than A to Z: fetched, kept, listed and drawn under that name."""

import html
import re
from pathlib import Path

import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.inventory import inventory
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from clm_trainer.tearsheet import render
from tests.support.fake_exchange import Listing, real_bars
from tests.trainer.pipeline.sheets import tear_sheet
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import STOP, run_data

NAMED = "币安人生/USDT"


def test_bars_of_a_foreign_name_are_fetched_kept_and_listed(opened: Open, tmp_path: Path) -> None:
    fake = opened(Listing("币安人生", real_bars("BTC")))
    store = Storage(str(tmp_path))
    panel, _ = fetch(run_data(20, symbols=[NAMED]), store)
    assert panel.symbols == (NAMED,)
    assert {one.query["symbol"] for one in fake.of("klines")} == {"币安人生USDT"}
    (path,) = tmp_path.glob("bars/v1/binance/spot/*")
    assert path.name == "u5e01u5b89u4ebau751f-USDT"
    assert [one.symbol for one in inventory(BarCache(store), STOP)] == [NAMED]


def test_a_message_names_it_so_that_a_shell_takes_it(tmp_path: Path) -> None:
    data = run_data(20, symbols=["$MICHI/USDT"], refresh="Never")
    with pytest.raises(ClmError, match=re.escape("--symbol '$MICHI/USDT' --timeframe")):
        fetch(data, Storage(str(tmp_path)))


@pytest.mark.parametrize("name", [NAMED, "$A$/USDT", "<b>/USDT"])
def test_a_report_shows_it_as_it_is(name: str) -> None:
    sheet = tear_sheet()
    names = {"BTC/USDT": name}
    page = render(
        tear_sheet(
            sleeves=sheet.sleeves.rename(columns=names),
            trades=sheet.trades.replace({"symbol": names}),
            predictions=sheet.predictions.replace({"symbol": names}),
        )
    )
    assert page.count(html.escape(name)) > 1
