"""Own targets: a function of a frame, the ends of its labels, and what it may not return."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field

from clm_api.errors import ClmError, SpecError
from clm_trainer import targets
from clm_trainer.own import door
from clm_trainer.own.targets import TargetOffer, panel_target, target
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.develop import develop
from clm_trainer.targets import Labels
from clm_trainer.targets.returns import Return
from clm_trainer.targets.settled import require_settled
from clm_trainer.testing import check_target
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.runs import context, quick, run_spec

SIGMA = np.full((260 * 24, 2), 0.004)


class Bars(BaseModel):
    bars: int = Field(default=24, ge=1)


@target(horizon_bars=lambda params: params.bars + 1, params=Bars)
def ahead(frame: pd.DataFrame, params: Bars) -> Any:
    """The return from the next open on, as our own."""
    opens = np.log(frame["open"])
    scale = frame["sigma"] * np.sqrt(params.bars)
    return (opens.shift(-params.bars - 1) - opens.shift(-1)) / scale


@target()
def until_the_day_ends(frame: pd.DataFrame, params: Any) -> Any:
    """The change to the day's last close; its length differs from hour to hour."""
    closes = frame["close"].to_numpy()
    ends = np.arange(len(frame)) + 23 - pd.DatetimeIndex(frame.index).hour
    last = closes[np.minimum(ends, len(frame) - 1)]
    return np.log(last / closes), ends


@panel_target(horizon_bars=6)
def against_the_others(frames: Mapping[str, pd.DataFrame], params: Any) -> Any:
    """The own change less the mean of all."""
    changes = {name: np.log(f["close"].shift(-6) / f["close"]) for name, f in frames.items()}
    mean = sum(changes.values()) / len(changes)
    return {name: change - mean for name, change in changes.items()}


@target(horizon_bars=169)
def highest(frame: pd.DataFrame, params: Any) -> Any:
    """Windows that can't be made of fewer bars."""
    closes = frame["close"].to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(closes, 168).max(axis=1)
    return np.concatenate([np.log(windows[2:] / closes[:-169]), np.full(169, np.nan)])


@target()
def until_the_next_day(frame: pd.DataFrame, params: Any) -> Any:
    """No label and no end where the next day has not begun."""
    closes, rows = frame["close"].to_numpy(), np.arange(len(frame))
    days = np.append(np.flatnonzero(pd.DatetimeIndex(frame.index).hour == 0), np.nan)
    ends = days[np.searchsorted(days[:-1], rows, side="right")]
    known = ~np.isnan(ends)
    last = closes[np.where(known, ends, 0).astype(int)]
    return np.where(known, np.log(last / closes), np.nan), ends


def offered(monkeypatch: pytest.MonkeyPatch, offer: Any) -> None:
    """Stand for an installed package with one target."""
    known = door.opened
    monkeypatch.setattr(
        door,
        "opened",
        lambda group, name, field: offer if name == "mine.label" else known(group, name, field),
    )


def made(offer: TargetOffer, **params: Any) -> targets.Target:
    return offer.make(offer.params(**params), run_spec(target={"kind": "mine.label"}))


def labels(offer: TargetOffer, panel: Panel, **params: Any) -> Labels:
    return made(offer, **params).labels(panel, SIGMA[: len(panel)])


def said(found: Labels) -> Floats:
    return np.asarray(found.values)


def test_a_function_can_say_what_return_says() -> None:
    panel = real(260)
    ours, theirs = Return(24).labels(panel, SIGMA), labels(ahead, panel)
    inside = np.abs(said(ours)) < 2.5
    np.testing.assert_allclose(said(theirs)[inside], said(ours)[inside], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(theirs.ends, ours.ends)
    assert labels(ahead, panel, bars=3).ends[0, 0] == 4, "parameters decide the length"


def test_a_function_can_say_how_far_each_label_looks() -> None:
    panel = real(60)
    found = labels(until_the_day_ends, panel)
    hours = np.asarray(panel.times.hour)
    np.testing.assert_array_equal(found.ends[:, 1], np.arange(len(panel)) + 23 - hours)
    row = int(np.flatnonzero(hours == 20)[3])
    expected = np.log(panel.close[row + 3] / panel.close[row])
    np.testing.assert_allclose(said(found)[row], expected)
    cut = labels(until_the_day_ends, panel.window(0, row + 2))
    assert np.isnan(said(cut)[row]).all(), "the day has not ended yet"


def test_a_function_of_all_symbols() -> None:
    found = labels(against_the_others, real(60))
    known = said(found)[:-6]
    np.testing.assert_allclose(known.sum(axis=1), 0, atol=1e-12)
    assert np.isnan(said(found)[-6:]).all()


@pytest.mark.parametrize(
    "offer", [ahead, until_the_day_ends, against_the_others],
    ids=["one length", "many lengths", "all symbols"],
)  # fmt: skip
def test_a_symbol_that_is_young_and_bars_that_are_missing(offer: TargetOffer) -> None:
    gap = np.random.default_rng(5).random((260 * 24, 2)) < 0.02
    gap[:900, 1] = True
    panel = with_holes(real(260), gap)
    found = labels(offer, panel)
    assert np.isnan(said(found)[:900, 1]).all()
    np.testing.assert_array_equal(found.ends[:900, 1], np.arange(900))
    filled = ~gap[901:-29] | (found.ends == np.arange(len(panel))[:, None])[900:-30]
    np.testing.assert_array_equal(np.isfinite(said(found)[900:-30]), filled)
    require_settled(made(offer), "mine.label", panel, SIGMA, found)


@pytest.mark.parametrize("offer", [highest, until_the_next_day], ids=["a window", "pending"])
def test_what_is_not_decided_yet_is_no_leak(offer: TargetOffer) -> None:
    gap = np.zeros((260 * 24, 2), dtype=bool)
    gap[:-100, 1] = True
    panel = with_holes(real(260), gap)
    found = labels(offer, panel)
    assert np.isfinite(said(found)[:-169, 0]).all()
    require_settled(made(offer), "mine.label", panel, SIGMA, found)


@target(horizon_bars=25, columns=("tradeCount", "mood.score"))
def beside(frame: pd.DataFrame, params: Any) -> Any:
    known = frame["tradeCount"] + frame["mood.score"]
    return (frame["open"].shift(-25) / frame["open"].shift(-1) - 1) * known


@pytest.mark.parametrize(
    ("offer", "data"),
    [
        (ahead, {}),
        (against_the_others, {}),
        (
            beside,
            {"columns": ["tradeCount"], "series": [{"name": "mood", "columns": ["score"]}]},
        ),
    ],
    ids=["of a symbol", "of all symbols", "of what lies beside the bars"],
)
def test_a_function_keeps_all_promises(offer: TargetOffer, data: dict[str, Any]) -> None:
    check_target(offer, data=data)


def test_bars_are_the_functions_own() -> None:
    @target(horizon_bars=1)
    def careless(frame: pd.DataFrame, params: Any) -> Any:
        frame["close"] = 1.0
        return frame["close"] * 0

    panel = real(60)
    before = panel.close.copy()
    labels(careless, panel)
    np.testing.assert_array_equal(panel.close, before)


def test_a_whole_run_and_its_purge(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, ahead)
    far = {"kind": "mine.label", "params": {"bars": 72}, "calibrationDays": 30}
    developed = develop(real(260), quick(target=far), context())
    for span in developed.trained.walk.folds:
        assert span.test[0] - span.calibration[1] == 73
        assert span.calibration[0] - span.fit[1] == 73
    assert developed.metrics.metrics["trades"] > 0


LEAKS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "twice as far as it says": lambda f: np.log(f["close"].shift(-48) / f["close"]),
    "divided by the spread of all": lambda f: (c := np.log(f["close"]).diff().shift(-9)) / c.std(),
    "filled from behind": lambda f: (
        f["close"].where(np.arange(len(f)) % 24 == 3).bfill() / f["close"]
    ),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_planted_leak_ends_the_run(
    leak: Callable[[pd.DataFrame], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(monkeypatch, target(horizon_bars=20)(lambda frame, params: leak(frame)))
    spec = quick(target={"kind": "mine.label", "calibrationDays": 30})
    with pytest.raises(ClmError, match=r"mine\.label: the label of") as caught:
        develop(real(260), spec, context())
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)


WRONG: dict[str, tuple[TargetOffer, str]] = {
    "it raises": (target(horizon_bars=1)(lambda f, p: f["nothing"]), "raises on drawn bars"),
    "too few labels": (
        target(horizon_bars=1)(lambda f, p: f["close"].to_numpy()[1:]), "values for"),
    "words": (target(horizon_bars=1)(lambda f, p: f["close"].astype(str)), "return numbers"),
    "another index": (
        target(horizon_bars=1)(lambda f, p: f["close"].reset_index(drop=True)), "another index"),
    "ends beside a length": (
        target(horizon_bars=1)(lambda f, p: (f["close"], f["close"])), "leave out one"),
    "no ends": (target()(lambda f, p: f["close"]), "return labels, ends"),
    "ends that are no rows": (
        target()(lambda f, p: (f["close"], f["close"] + 0.5)), "not whole numbers"),
    "one frame for all": (
        panel_target(horizon_bars=1)(lambda f, p: f["BTC/USDT"]["close"]), "no mapping"),
    "a length below 0": (target(horizon_bars=-1)(lambda f, p: f["close"]), "declare 0 to"),
    "a length of words": (
        target(horizon_bars="24")(lambda f, p: f["close"]), "declare a number"),  # type: ignore[arg-type]
    "a column that is not fetched": (
        target(horizon_bars=1, columns=["tradeCount"])(lambda f, p: f["tradeCount"]),
        r"spec\.data\.columns: \"mine\.label\" asks for tradeCount"),
}  # fmt: skip


@pytest.mark.parametrize(("offer", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_target_is_refused_before_any_bar_is_read(
    offer: TargetOffer, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(monkeypatch, offer)
    with pytest.raises(SpecError, match=words):
        targets.create(run_spec(target={"kind": "mine.label"}))


def test_a_parameter_is_checked_by_the_targets_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, ahead)
    spec = run_spec(target={"kind": "mine.label", "params": {"bars": 0}})
    with pytest.raises(SpecError, match=r"^spec\.target\.params\.bars: .*greater than or equal"):
        targets.create(spec)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"profitSigmas": 3}, r"spec\.target\.params\.profit_?[sS]igmas"),
        ({"profits": 1}, r"spec\.target\.params\.profits: \"tripleBarrier\" has parameters"),
    ],
    ids=["out of bounds", "unknown"],
)
def test_parameters_of_our_own_are_checked_in_the_same_way(
    params: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        targets.create(run_spec(target={"kind": "tripleBarrier", "params": params}))


def test_a_target_that_raises_on_real_bars_says_where() -> None:
    @target(horizon_bars=1)
    def choosy(frame: pd.DataFrame, params: Any) -> Any:
        if frame["gap"].any():
            raise ValueError("holes are not for me")
        return frame["close"] * 0

    gap = np.zeros((60 * 24, 2), dtype=bool)
    gap[40] = True
    with pytest.raises(ClmError, match=r"raises on bars from 20.*holes are not for me") as caught:
        labels(choosy, with_holes(real(60), gap))
    assert caught.value.reason == "TrainingFailed"


def test_a_name_that_nobody_offers() -> None:
    with pytest.raises(SpecError, match=r'"other\.label" is not offered'):
        targets.create(run_spec(target={"kind": "other.label"}))


def test_the_function_can_be_called_at_home() -> None:
    frame = pd.DataFrame({"open": [1.0, 2, 4, 8], "sigma": 1.0})
    np.testing.assert_allclose(ahead(frame, Bars(bars=1))[0], np.log(2))
