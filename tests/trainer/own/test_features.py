"""What a user's function returns becomes features, or is refused with what to do."""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from clm_api.errors import ClmError, SpecError
from clm_trainer.features.windowed import WindowedSet, block_bars
from clm_trainer.own.features import features, panel_features
from clm_trainer.own.functions import NoParams
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.runs import run_spec

RUN = run_spec(model={"features": {"set": "quantdesk.mine"}})
LATE = pd.Timestamp("2025-01-01", tz="UTC")
"""The drawn bars of the first call lie before it, the real ones after."""


class Momentum(BaseModel):
    bars: int = 24


@features(lookback_bars=lambda p: p.bars, params=Momentum)
def momentum(bars: pd.DataFrame, params: Momentum) -> pd.DataFrame:
    close = bars["close"]
    return pd.DataFrame({"momentum": close / close.shift(params.bars) - 1, "gap": bars["gap"]})


def computed(offer: Any, panel: Panel, params: BaseModel | None = None) -> tuple[Any, Floats]:
    made = offer.make(offer.params() if params is None else params, RUN)
    return made, made.begin(panel.symbols, panel.timeframe).advance(panel)


def test_a_function_of_one_symbol_becomes_a_set() -> None:
    panel = real(60)
    made, values = computed(momentum, panel, Momentum(bars=48))
    assert (made.names, made.observed) == (("momentum", "gap"), made.names)
    assert (made.lookback_bars, made.warm_up_bars) == (48, 168), "a volatility needs a week"
    expected = panel.close[48:] / panel.close[:-48] - 1
    np.testing.assert_allclose(values[48:, :, 0], expected, rtol=1e-12)
    assert np.isnan(values[:48, :, 0]).all()


def test_it_can_still_be_called_as_a_function() -> None:
    bars = pd.DataFrame({"close": [1.0, 2.0, 4.0], "gap": False})
    assert momentum(bars, Momentum(bars=1))["momentum"].tolist()[1:] == [1.0, 1.0]
    assert momentum(bars)["momentum"].isna().all()


def test_holes_hold_the_last_close_and_no_volume_and_the_time_before_a_symbol_is_not_shown() -> (
    None
):
    seen: list[pd.DataFrame] = []

    @features(lookback_bars=5)
    def spy(bars: pd.DataFrame, params: object) -> dict[str, pd.Series]:
        seen.append(bars.copy())
        return {"x": bars["close"]}

    panel = real(60)
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[:100, 1] = gap[200:203, 0] = True
    _, values = computed(spy, with_holes(panel, gap))
    frame = next(one for one in seen if panel.times[201] in one.index)
    hole = frame.loc[panel.times[200:203]]
    assert hole["gap"].all()
    assert (hole[["open", "high", "low", "close"]] == panel.close[199, 0]).all(axis=None)
    assert (hole["volume"] == 0).all()
    assert not frame["gap"].drop(hole.index).any()
    assert np.isnan(values[:100, 1]).all()
    firsts = {one.index[0] for one in seen if one.index[0] > LATE}
    assert panel.times[100] in firsts


@pytest.mark.parametrize("together", [False, True], ids=["of a symbol", "of the panel"])
def test_a_set_that_changes_its_frame_harms_nobody(together: bool) -> None:  # noqa: FBT001
    def ruin(bars: pd.DataFrame, params: object = None) -> dict[str, Any]:
        made = bars["close"].to_numpy(copy=True)
        bars.loc[:, "open":"volume"] = -1.0
        bars.index = bars.index + pd.Timedelta("1h")
        return {"x": made}

    offer = (
        panel_features(lookback_bars=5)(lambda f, _: {name: ruin(bars) for name, bars in f.items()})
        if together
        else features(lookback_bars=5)(ruin)
    )
    panel = real(60)
    before = panel.close.copy()
    _, values = computed(offer, panel)
    assert np.isnan(values[:5]).all(), "the look-back"
    np.testing.assert_array_equal(values[5:, :, 0], before[5:])
    np.testing.assert_array_equal(panel.close, before)


def test_bars_one_by_one_give_the_same_bits_as_all_at_once_also_from_what_was_saved() -> None:
    panel = real(200)
    made, whole = computed(momentum, panel)
    stream, at, parts = made.begin(panel.symbols, panel.timeframe), 0, []
    for bars in (1, 1023, 1, 500, 3, 2047, 1225):
        parts.append(stream.advance(panel.window(at, at + bars)))
        at += bars
        stream = made.resume(panel.symbols, panel.timeframe, stream.save())
    assert at == len(panel)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(stream.save()["close"]) <= 24 + block_bars(24)


@pytest.mark.parametrize(
    ("lookback", "bars"), [(0, 2048), (2048, 2048), (2049, 4096)], ids=["0", "2048", "2049"]
)
def test_a_block_is_a_power_of_2_and_no_shorter_than_the_look_back(
    lookback: int, bars: int
) -> None:
    assert block_bars(lookback) == bars


class Wrong(NamedTuple):
    name: str
    returned: Callable[[pd.DataFrame], Any]
    said: str


WRONG = [
    Wrong("nothing", lambda _: None, "returned NoneType: return a DataFrame"),
    Wrong("a column alone", lambda b: b["close"], "returned Series: return a DataFrame"),
    Wrong("no column", lambda _: {}, "returned no column"),
    Wrong("a number for a name", lambda b: {1: b["close"]}, "returned a column named 1: begin"),
    Wrong("a name of drift's", lambda b: {"score": b["close"]}, 'named "score", which drift has'),
    Wrong("a name twice", lambda b: b[["close", "close"]], 'returned two columns named "close"'),
    Wrong("a bar too few", lambda b: {"x": b["close"].to_numpy()[1:]}, "one value for each bar"),
    Wrong("one value", lambda _: {"x": 1.0}, 'returned "x" with shape ()'),
    Wrong("a matrix", lambda b: {"x": b[["open", "close"]].to_numpy()}, 'returned "x" with shape'),
    Wrong("text", lambda b: {"x": b["close"].astype(str)}, "return numbers"),
    Wrong("objects", lambda b: {"x": np.array(["a"] * len(b), dtype=object)}, "return numbers"),
    Wrong("complex numbers", lambda b: {"x": b["close"] * 1j}, "return numbers"),
    Wrong("times", lambda b: {"x": b.index.to_series()}, "return numbers"),
    Wrong(
        "another index", lambda b: {"x": b["close"].reset_index(drop=True)}, "keep the index that"
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=attrgetter("name"))
def test_what_is_no_features_is_refused_on_the_first_call(wrong: Wrong) -> None:
    offer = features(lookback_bars=5)(lambda bars, _: wrong.returned(bars))
    with pytest.raises(SpecError) as caught:
        offer.make(NoParams(), RUN)
    assert caught.value.message.startswith('spec.model.features: "quantdesk.mine" returned')
    assert wrong.said in caught.value.message


def later(bars: pd.DataFrame, wrong: Any) -> Any:
    return {"x": bars["close"]} if bars.index[0] < LATE else wrong


LATER = [
    Wrong("another name", lambda b: {"y": b["close"]}, "lacks x and has y beside the others"),
    Wrong("another length", lambda b: {"x": b["close"].iloc[1:].to_numpy()}, "one value for each"),
]


@pytest.mark.parametrize("wrong", LATER, ids=attrgetter("name"))
def test_what_is_no_features_on_real_bars_is_refused_with_symbol_and_bars(wrong: Wrong) -> None:
    offer = features(lookback_bars=5)(lambda bars, _: later(bars, wrong.returned(bars)))
    with pytest.raises(SpecError) as caught:
        computed(offer, real(60))
    assert wrong.said in caught.value.message
    assert "on bars of BTC/USDT from 2025-" in caught.value.message


def test_a_function_that_raises_says_where() -> None:
    offer = features(lookback_bars=5)(lambda bars, _: bars["clos"])
    with pytest.raises(SpecError, match=r'"quantdesk.mine" raises on drawn bars: KeyError: .clos'):
        offer.make(NoParams(), RUN)
    late = features(lookback_bars=5)(
        lambda bars, _: later(bars, None) if bars.index[0] < LATE else 1 // 0
    )
    with pytest.raises(ClmError, match="raises on bars of BTC/USDT from 2025-") as caught:
        computed(late, real(60))
    assert caught.value.reason == "TrainingFailed"


def test_a_set_of_the_panel_answers_for_each_symbol() -> None:
    offer = panel_features(lookback_bars=5)(
        lambda f, _: {"BTC/USDT": {"x": f["BTC/USDT"]["close"]}}
    )
    with pytest.raises(SpecError, match="returned no mapping from each symbol"):
        offer.make(NoParams(), RUN)


class Refused(NamedTuple):
    name: str
    declared: dict[str, Any]
    said: str


REFUSED = [
    Refused("no look-back", {"lookback_bars": None}, "declares lookback_bars None"),
    Refused("a look-back below 0", {"lookback_bars": -1}, "declare 0 to 100000"),
    Refused("half a bar", {"lookback_bars": lambda _: 0.5}, "declares lookback_bars 0.5"),
    Refused(
        "a market column that is not fetched",
        {"lookback_bars": 5, "columns": ("takerBuyVolume",)},
        'spec.data.columns: "quantdesk.mine" asks for takerBuyVolume: add it',
    ),
    Refused(
        "a series that is not read",
        {"lookback_bars": 5, "columns": ("sentiment.score",)},
        'spec.data.series: "quantdesk.mine" asks for sentiment.score: add series sentiment',
    ),
    Refused(
        "a column that nobody has",
        {"lookback_bars": 5, "columns": ("vwap",)},
        "asks for vwap, which is none of fundingRate, markPrice",
    ),
]  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED, ids=attrgetter("name"))
def test_what_a_set_declares_must_be_possible(refused: Refused) -> None:
    offer = features(**refused.declared)(lambda bars, _: {"x": bars["close"]})
    with pytest.raises(SpecError) as caught:
        offer.make(NoParams(), RUN)
    assert refused.said in caught.value.message


def test_further_columns_stand_in_the_frame_as_they_were_known() -> None:
    data = {"columns": ["takerBuyVolume"], "series": [{"name": "mood", "columns": ["score"]}]}
    run = run_spec(data=data, model={"features": {"set": "quantdesk.mine"}})
    columns = ("takerBuyVolume", "mood.score")
    offer = features(lookback_bars=5, columns=columns)(
        lambda bars, _: {"x": bars["takerBuyVolume"] / bars["volume"] + bars["mood.score"]}
    )
    panel = real(60)
    score = np.where(np.arange(len(panel))[:, None] % 7 == 0, np.nan, 2.0) * np.ones((1, 2))
    extra = {"takerBuyVolume": panel.volume / 4, "mood.score": score}
    panel = replace(panel, extra=extra)
    made = offer.make(NoParams(), run)
    assert isinstance(made, WindowedSet)
    assert made.columns == columns
    values = made.begin(panel.symbols, panel.timeframe).advance(panel)[:, :, 0]
    np.testing.assert_array_equal(np.isnan(values[5:]), np.isnan(score[5:]))
    assert np.nanmax(np.abs(values - 2.25)) < 1e-12
