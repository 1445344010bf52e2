"""The check of feature sets finds what it looks for."""

from collections.abc import Iterator

import pytest

from clm_api.errors import SpecError
from clm_trainer.testing import FEATURES_PROMISES, PromisesBrokenError, check_features
from tests.support.own_packages import lay, on_the_path

CODE = """
    import numpy as np
    import pandas as pd
    from clm_trainer.own.features import features
    SEEN = []
    @features(lookback_bars=24)
    def ahead(bars, params):
        return {"x": bars["close"].shift(-1) / bars["close"]}
    @features(lookback_bars=2)
    def far(bars, params):
        return {"x": bars["close"].rolling(48).mean() / bars["close"]}
    @features(lookback_bars=3000)
    def long(bars, params):
        return {"x": bars["close"].pct_change(3000)}
    @features(lookback_bars=4000)
    def longer(bars, params):
        return {"x": bars["close"].pct_change(4000)}
    @features(lookback_bars=2)
    def flat(bars, params):
        return {"x": np.ones(len(bars))}
    @features(lookback_bars=2)
    def unknown(bars, params):
        return {"x": np.full(len(bars), np.nan)}
    @features(lookback_bars=2, columns=["takerBuyVolume", "sentiment.score"])
    def beside(bars, params):
        return {"x": bars["takerBuyVolume"] + bars["sentiment.score"]}
    @features(lookback_bars=2)
    def counting(bars, params):
        SEEN.append(1)
        return {"x": bars["close"] * 0 + len(SEEN)}
"""
NAMES = ("ahead", "far", "long", "longer", "flat", "unknown", "beside", "counting")
ENTRIES = "[clm.features]\n" + "".join(f"desk.{one} = desk.sets:{one}\n" for one in NAMES)


@pytest.fixture(scope="module", autouse=True)
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = tmp_path_factory.mktemp("site")
    lay(site, {"desk/__init__.py": "", "desk/sets.py": CODE}, ENTRIES, name="desk")
    with on_the_path(site):
        yield


SOUND, SPLIT, USEFUL = FEATURES_PROMISES


@pytest.mark.parametrize(
    ("name", "promise", "found"),
    [
        ("desk.ahead", SOUND, "look-ahead"),
        ("desk.far", SOUND, "declares a look-back of 2 bars"),
        ("desk.counting", SPLIT, "when the bars come in parts"),
        ("desk.flat", USEFUL, "always one number: x"),
        ("desk.unknown", USEFUL, "0% of the rows past the warm-up are usable"),
        ("desk.longer", USEFUL, "warm-up of 4000 bars is longer than the 3600 drawn ones"),
    ],
)
def test_a_set_that_breaks_a_promise_is_told_which(name: str, promise: str, found: str) -> None:
    with pytest.raises(PromisesBrokenError, match=found) as caught:
        check_features(name, only=[promise])
    assert caught.value.broken == (promise,)


def test_clms_own_set_and_the_examples_keep_all() -> None:
    check_features("standard")
    check_features("mypackage.momentum", {"fastBars": 6})
    check_features("desk.long")


def test_a_set_that_asks_for_more_is_given_it() -> None:
    beside = {
        "columns": ["takerBuyVolume"],
        "series": [{"name": "sentiment", "columns": ["score"]}],
    }
    with pytest.raises(SpecError, match=r"^spec.data"):
        check_features("desk.beside")
    check_features("desk.beside", data=beside)
