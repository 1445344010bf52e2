"""The 38 features: complete, causal to the bit, at ease with holes and young symbols."""

import numpy as np
import pandas as pd
import pytest

from clm_trainer.evaluation.lookahead import require_causal
from clm_trainer.features import RL_NAMES, WARM_UP_BARS, build_features
from clm_trainer.features.table import FeatureTable
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import real, with_holes

NAMES = {
    *(f"ret{k}" for k in (1, 2, 4, 8, 12, 24, 48, 72, 168, 336)),
    *("emad12", "emad48", "emad168", "macdh", "rsi14", "rsi48", "atr_r"),
    *("vol24_168", "vol168_720", "pos24", "pos168", "volz", "volz24", "body", "wick", "range"),
    *("svol24", "skew72", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos"),
    *("x1", "x4", "x24", "x168", "rel24", "rel168"),
}


def of(table: FeatureTable, name: str) -> Floats:
    column: Floats = table.values[:, :, table.names.index(name)]  # noqa: PD011 - no pandas
    return column


def values_of(panel: Panel) -> Floats:
    return build_features(panel).values  # noqa: PD011 - no pandas


def young(panel: Panel, since: int, symbol: int = 1) -> Panel:
    """The same bars, one symbol listed later."""
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[:since, symbol] = True
    return with_holes(panel, gap)


@pytest.fixture(scope="module")
def holed() -> Panel:
    """70 days of real bars with holes; the second symbol is listed after 20 days."""
    gap = np.random.default_rng(8).random((70 * 24, 2)) < 0.01
    return young(with_holes(real(70), gap), 480)


def test_all_38_are_there_and_15_serve_reinforcement_learning() -> None:
    table = build_features(real(40))
    assert len(table.names) == 38
    assert set(table.names) == NAMES
    assert len(set(RL_NAMES)) == 15
    assert set(RL_NAMES) < NAMES


def test_after_the_warm_up_every_real_bar_is_usable() -> None:
    table = build_features(real(40))
    assert not table.usable[:WARM_UP_BARS].any()
    assert table.usable[WARM_UP_BARS:].all()


def test_features_ignore_everything_after_them(holed: Panel) -> None:
    cuts = [1, 2, 30, 480, 481, 482, 720, 721, 1000, 1199, 1200, 1201, 1333, 1500, 1679]
    require_causal(values_of, holed, cuts)
    require_causal(lambda p: build_features(p).sigma, holed, cuts)
    require_causal(lambda p: build_features(p).usable.astype(float), holed, cuts)


def test_features_have_no_scale() -> None:
    panel = real(40)
    big = panel_like(panel, 1000.0)
    ours, theirs = values_of(panel), values_of(big)
    np.testing.assert_allclose(theirs[WARM_UP_BARS:], ours[WARM_UP_BARS:], rtol=1e-6, atol=1e-6)


def panel_like(panel: Panel, factor: float) -> Panel:
    prices = (panel.open * factor, panel.high * factor, panel.low * factor, panel.close * factor)
    return Panel(panel.times, panel.symbols, panel.timeframe, *prices, panel.volume * 7, panel.gap)


def zscore(frame: pd.DataFrame) -> pd.DataFrame:
    return (frame - frame.rolling(168).mean()) / frame.rolling(168).std(ddof=0)


def test_their_definitions() -> None:
    panel, table = real(60), build_features(real(60))
    close = pd.DataFrame(np.log(panel.close))
    returns = close.diff()
    sigma = pd.DataFrame(np.sqrt((returns**2).ewm(span=168).mean())).clip(lower=5e-4)
    high, low = pd.DataFrame(panel.high), pd.DataFrame(panel.low)
    volume = pd.DataFrame(np.log(panel.volume))
    signed = pd.DataFrame(np.sign(returns) * panel.volume)
    top, bottom = high.rolling(168).max(), low.rolling(168).min()
    expected = {
        "ret24": (close - close.shift(24)) / (sigma * 24**0.5),
        "vol24_168": np.log(returns.rolling(24).std(ddof=0) / sigma),
        "vol168_720": np.log(sigma / returns.rolling(720).std(ddof=0)),
        "pos168": 2 * (panel.close - bottom) / (top - bottom) - 1,
        "volz": zscore(volume).clip(-5, 5),
        "volz24": zscore(volume.rolling(24).mean()).clip(-5, 5),
        "range": (np.log(high / low) / sigma).clip(0, 8),
        "body": pd.DataFrame(panel.close - panel.open) / (high - low),
        "svol24": signed.rolling(24).sum() / pd.DataFrame(panel.volume).rolling(24).sum(),
        "x24": ((close - close.shift(24)) / (sigma * 24**0.5))[[1, 0]],
    }  # fmt: skip
    for name, frame in expected.items():
        got, wanted = of(table, name)[800:], np.asarray(frame)[800:]
        np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-8, err_msg=name)
    skew = returns.rolling(72).skew() * (70 / (72 * 71) ** 0.5)
    np.testing.assert_allclose(of(table, "skew72")[800:], skew[800:], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(table.sigma[1:], sigma[1:], rtol=1e-12)
    assert (np.abs(of(table, "rsi14")[800:]) <= 1).all()
    noon = panel.times[900:].hour == 12
    np.testing.assert_allclose(of(table, "hour_cos")[900:][noon], -1)


def test_relative_strength_is_own_minus_other() -> None:
    table = build_features(real(40))
    own = of(table, "ret24")
    np.testing.assert_array_equal(of(table, "rel24"), own - own[:, ::-1])


@pytest.mark.parametrize("name", ["x1", "x4", "x24", "x168", "rel24", "rel168"])
def test_one_symbol_has_no_others(name: str) -> None:
    table = build_features(real(40, symbols=1))
    assert table.usable[WARM_UP_BARS:].all()
    assert (of(table, name)[WARM_UP_BARS:] == 0).all()


def test_an_unlisted_symbol_is_no_other() -> None:
    table = build_features(young(real(70), 1200))
    before = slice(WARM_UP_BARS, 1200)
    assert table.usable[before, 0].all()
    for name in ("x24", "rel24"):
        assert (of(table, name)[before, 0] == 0).all()
    assert (of(table, "rel24")[1300:, 0] != 0).any()


def test_a_young_symbol_warms_up_from_its_first_bar() -> None:
    table = build_features(young(real(70), 480))
    assert not table.usable[: 480 + WARM_UP_BARS, 1].any()
    assert table.usable[480 + WARM_UP_BARS :, 1].all()
    assert np.isnan(of(table, "ret24")[:480, 1]).all()


def test_only_the_holes_own_rows_are_lost() -> None:
    gap = np.zeros((60 * 24, 2), dtype=bool)
    gap[1000:1003, 0] = gap[1100, 1] = True
    table = build_features(with_holes(real(60), gap))
    lost = ~table.usable[WARM_UP_BARS:]
    np.testing.assert_array_equal(lost, gap[WARM_UP_BARS:])


def test_in_a_hole_the_close_is_carried_and_the_volume_is_0() -> None:
    gap = np.zeros((60 * 24, 2), dtype=bool)
    gap[1000, 0] = True
    panel = real(60)
    table = build_features(with_holes(panel, gap))
    assert of(table, "ret1")[1000, 0] == 0
    jump = np.log(panel.close[1001, 0] / panel.close[999, 0]) / table.sigma[1001, 0]
    assert of(table, "ret1")[1001, 0] == pytest.approx(jump)
    window = slice(1010 - 23, 1011)
    close, volume = panel.close[window, 0].copy(), panel.volume[window, 0].copy()
    hole = 1000 - window.start
    close[hole], volume[hole] = close[hole - 1], 0.0
    before = np.concatenate([[panel.close[window.start - 1, 0]], close[:-1]])
    share = (np.sign(close - before) * volume).sum() / volume.sum()
    assert of(table, "svol24")[1010, 0] == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("bars", [1, 2, 24, 300, 719], ids=lambda n: f"{n} bars")
def test_a_short_history_is_unusable_and_no_error(bars: int) -> None:
    assert not build_features(real(40).window(0, bars)).usable.any()


def test_a_symbol_without_any_bar_is_unusable_and_no_error() -> None:
    table = build_features(young(real(40), 40 * 24))
    assert not table.usable[:, 1].any()
    assert table.usable[WARM_UP_BARS:, 0].all()
