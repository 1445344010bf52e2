"""Symbols are named as their exchange names them, and every name has a safe path of its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from clm_api.layout import SeriesLayout, symbol_of, symbol_segment
from clm_api.symbols import Symbol

NAMES: TypeAdapter[str] = TypeAdapter(Symbol)
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
LETTERS = st.characters(categories=("L", "M", "N", "Sc", "So"), include_characters="._+&!#@()=~,")
CURRENCY = st.text(LETTERS, min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("symbol", "segment"),
    [
        ("BTC/USDT", "BTC-USDT"),
        ("BTC/USDT:USDT", "BTC-USDT_USDT"),
        ("1000SATS/USDT", "1000SATS-USDT"),
        ("币安人生/USDT", "u5e01u5b89u4ebau751f-USDT"),
        ("ÉCU/EUR", "u00c9CU-EUR"),
        ("kPEPE/USDC:USDC", "u006bPEPE-USDC_USDC"),
        ("XYZ-TSLA/USDC:USDC", "XYZu002dTSLA-USDC_USDC"),
        ("$MICHI/USDT", "u0024MICHI-USDT"),
        ("🔥/USDT", "v01f525-USDT"),
        ("../USDT", "u002eu002e-USDT"),
    ],
)
def test_a_name_has_a_path_and_a_path_its_name(symbol: str, segment: str) -> None:
    assert NAMES.validate_python(symbol) == symbol
    assert symbol_segment(symbol) == segment
    assert symbol_of(segment) == symbol
    folder = SeriesLayout("binance", "spot", symbol, "1h").folder
    assert folder == f"bars/v1/binance/spot/{segment}/1h"


@pytest.mark.parametrize(
    "symbol",
    [
        "BTC", "/USDT", "A/B/C", "A B/USDT", "A\n/USDT", "A/USDT\n", "A\x1b[31m/USDT", "A\x00/USDT",
        "A\u200b/USDT", "A\u202e/USDT", "A\ufeff/USDT", "A'/USDT", 'A"/USDT', "A`/USDT", "A\\/USDT",
        "A*/USDT", "<b>/USDT", "A;/USDT", "A|B/USDT", "BTC/USDT:USDT-261225", f"{'币' * 21}/USDT",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(symbol: str) -> None:
    with pytest.raises(ValidationError):
        NAMES.validate_python(symbol)


@given(st.tuples(CURRENCY, CURRENCY, st.none() | CURRENCY), st.data())
def test_two_names_never_share_a_path_on_any_file_system(
    parts: tuple[str, str, str | None], data: st.DataObject
) -> None:
    base, quote, settle = parts
    symbol = f"{base}/{quote}" + (f":{settle}" if settle else "")
    assert NAMES.validate_python(symbol) == symbol
    segment = symbol_segment(symbol)
    assert SAFE.fullmatch(segment)
    assert symbol_of(segment) == symbol
    other = data.draw(st.sampled_from([symbol.lower(), symbol.upper(), symbol.swapcase()]))
    same = symbol_segment(other).casefold() == segment.casefold()
    assert same == (other == symbol)
