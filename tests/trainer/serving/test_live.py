"""A live model holds, bar by bar, what all bars together say: whatever the splits and restarts."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from clm_api.parameters.own import FeaturesSpec
from clm_trainer import targets
from clm_trainer.evaluation.splits import Span
from clm_trainer.families import registry
from clm_trainer.features import STANDARD
from clm_trainer.features import registry as feature_sets
from clm_trainer.panel import Panel
from clm_trainer.serving.live import Live, at_end
from clm_trainer.serving.model import ServedModel
from clm_trainer.serving.new_bars import KEPT_BARS
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import fit_span
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.fits import SMALL, every_family
from tests.trainer.families.runs import context, run_spec

KNOWN, LATER = 150 * 24, 60
Frames = dict[str, pd.DataFrame]


@cache
def made(family: FamilyName) -> ServedModel:
    """A small model of 150 days, that is at work from their last bar on."""
    asked = {"family": family, to_camel(family.field): SMALL.get(family, {})}
    spec = run_spec(model=asked, target={"horizonBars": 4, "minHoldBars": 1})
    panel = real(160).window(0, KNOWN)
    rows = dataset(panel, targets.create(spec), STANDARD)
    span = Span((0, KNOWN - 400), (KNOWN - 380, KNOWN), (KNOWN, KNOWN))
    fitted, ranks, _ = fit_span(registry.create(spec), rows, span, context())
    return ServedModel(spec, panel.times[0], panel.times[-1], fitted, ranks)


def market(holes: int) -> Panel:
    """The bars of before and after, the later ones with holes that are never in all symbols."""
    panel = real(160).window(0, KNOWN + LATER)
    rng = np.random.default_rng(holes)
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[:-1] = rng.random(gap[:-1].shape) < (0.0, 0.05, 0.3)[holes % 3]
    gap[gap.all(axis=1)] = False
    return with_holes(panel, gap)


def frames_of(panel: Panel, start: int, stop: int) -> Frames:
    """Some bars as a bot hands them over: holes are no rows."""
    made = {}
    for place, symbol in enumerate(panel.symbols):
        rows = np.arange(start, stop)[~panel.gap[start:stop, place]]
        columns = {
            name: getattr(panel, name)[rows, place]
            for name in ("open", "high", "low", "close", "volume")
        }
        made[symbol] = pd.DataFrame({"timestamp": panel.times[rows], **columns})
    return made


def whole_until(panel: Panel, stop: int) -> int:
    """The next bar that no symbol lacks: a bot decides on no other."""
    while panel.gap[stop - 1].any():
        stop += 1
    return stop


@every_family
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    holes=st.integers(0, 1000),
    cuts=st.lists(st.integers(1, LATER - 1), max_size=12),
    restarts=st.integers(0, 2**12),
)
def test_it_holds_what_all_bars_together_say(
    name: FamilyName, holes: int, cuts: list[int], restarts: int
) -> None:
    model, panel = made(name), market(holes)
    decided = model.decide(panel).targets
    edges = sorted({KNOWN, *(whole_until(panel, KNOWN + cut) for cut in cuts), len(panel)})
    live = model.live(frames_of(panel, 0, whole_until(panel, KNOWN)))
    edges = [edge for edge in edges if edge > whole_until(panel, KNOWN)]
    last = whole_until(panel, KNOWN)
    for number, edge in enumerate(edges):
        held = live.update(frames_of(panel, last, edge))
        assert list(held.values()) == decided[edge - KNOWN].tolist(), edge
        last = edge
        if restarts >> number & 1:
            live = model.live_from(live.save())
            assert live.positions == held


def test_an_own_feature_set_holds_it_too() -> None:
    model, panel = made(FamilyName.XGBOOST), market(1)
    spec = model.spec.model_copy(
        update={
            "model": model.spec.model.model_copy(
                update={"features": FeaturesSpec.model_validate({"set": "mypackage.momentum"})}
            )
        }
    )
    own, known = feature_sets.create(spec), panel.window(0, KNOWN)
    rows = dataset(known, targets.create(spec), own)
    span = Span((0, KNOWN - 400), (KNOWN - 380, KNOWN), (KNOWN, KNOWN))
    fitted, ranks, _ = fit_span(registry.create(spec), rows, span, context())
    model = ServedModel(spec, panel.times[0], known.times[-1], fitted, ranks, own)
    live, decided = at_end(model, known, rows), model.decide(panel).targets
    assert decided.any(), "the case has positions"
    last = KNOWN
    for edge in range(KNOWN + 1, len(panel) + 1):
        if not panel.gap[edge - 1].any():
            held = live.update(frames_of(panel, last, edge))
            assert list(held.values()) == decided[edge - KNOWN].tolist(), edge
            live, last = model.live_from(live.save()), edge


def counted(live: Live, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    advance = live._stream.advance

    def count(block: Panel) -> object:
        seen.append(len(block))
        return advance(block)

    monkeypatch.setattr(live._stream, "advance", count)
    return seen


@pytest.mark.parametrize("days", [60, 150], ids=lambda n: f"{n} days of history")
def test_a_bar_costs_one_row_whatever_the_history(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(FamilyName.XGBOOST)
    panel = real(160).window(KNOWN - days * 24, KNOWN + 2)
    live = model.live(frames_of(panel, 0, len(panel) - 1))
    rows = counted(live, monkeypatch)
    live.update(frames_of(panel, len(panel) - 1, len(panel)))
    assert rows == [1]
    assert len(live.save()) < 60_000 * len(panel.symbols)


def bot() -> tuple[Live, Panel]:
    """A live model that has seen ten bars since its training."""
    panel = real(160).window(0, KNOWN + LATER)
    return made(FamilyName.XGBOOST).live(frames_of(panel, 0, KNOWN + 10)), panel


def changed(frames: Frames, row: int) -> Frames:
    eth = frames["ETH/USDT"]
    volume = eth["volume"].where(np.arange(len(eth)) != row, eth["volume"] * 2)
    return {**frames, "ETH/USDT": eth.assign(volume=volume)}


REFUSED: dict[str, tuple[Callable[[Panel], Frames], str, str]] = {
    "a seen bar with another volume": (
        lambda p: changed(frames_of(p, KNOWN + 5, KNOWN + 11), 2),
        "DataInvalid", r"was seen with other values \(volume ",
    ),
    "older bars than are kept": (
        lambda p: frames_of(p, KNOWN - KEPT_BARS, KNOWN + 11), "DataInvalid", "are not kept",
    ),
    "a gap in time": (
        lambda p: frames_of(p, KNOWN + 12, KNOWN + 14), "DataInvalid", "no symbol has a bar of",
    ),
    "a late symbol": (
        lambda p: {**frames_of(p, KNOWN + 10, KNOWN + 12),
                   "ETH/USDT": frames_of(p, KNOWN + 10, KNOWN + 11)["ETH/USDT"]},
        "InsufficientData", "ETH/USDT ends at",
    ),
    "an absent symbol": (
        lambda p: {"BTC/USDT": frames_of(p, KNOWN + 10, KNOWN + 11)["BTC/USDT"]},
        "InsufficientData", "no bars of ETH/USDT",
    ),
    "bars out of order": (
        lambda p: {n: f.iloc[::-1] for n, f in frames_of(p, KNOWN + 10, KNOWN + 13).items()},
        "DataInvalid", "not in order",
    ),
    "a doubled bar": (
        lambda p: {n: pd.concat([f, f]) for n, f in frames_of(p, KNOWN + 10, KNOWN + 11).items()},
        "DataInvalid", "two bars of",
    ),
    "a time without zone": (
        lambda p: {n: f.assign(timestamp=f["timestamp"].dt.tz_localize(None))
                   for n, f in frames_of(p, KNOWN + 10, KNOWN + 11).items()},
        "DataInvalid", "have no zone",
    ),
    "a high below its low": (
        lambda p: {n: f.assign(high=f["low"] / 2)
                   for n, f in frames_of(p, KNOWN + 10, KNOWN + 11).items()},
        "DataInvalid", "high",
    ),
    "a missing column": (
        lambda p: {n: f.drop(columns="volume")
                   for n, f in frames_of(p, KNOWN + 10, KNOWN + 11).items()},
        "DataInvalid", "no column volume",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_bars_leave_everything_as_it_was(name: str) -> None:
    live, panel = bot()
    before = live.save()
    bars, reason, message = REFUSED[name]
    with pytest.raises(ClmError, match=message) as caught:
        live.update(bars(panel))
    assert caught.value.reason == reason
    assert live.save() == before
    held = live.update(frames_of(panel, KNOWN + 10, KNOWN + 20))
    decided = live.model.decide(panel.window(0, KNOWN + 20)).targets[-1]
    assert list(held.values()) == decided.tolist()


def test_the_same_bars_again_change_nothing() -> None:
    live, panel = bot()
    assert live.model.decide(panel).targets.any(), "the case has positions"
    before = live.save()
    assert live.update(frames_of(panel, KNOWN + 2, KNOWN + 10)) == live.positions
    assert live.save() == before


def test_a_row_without_prices_is_a_hole_that_was_told() -> None:
    live, panel = bot()
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[KNOWN + 10] = True
    holed = with_holes(panel, gap)
    empty = {
        name: f.assign(open=np.nan, high=np.nan, low=np.nan, close=np.nan, volume=np.nan)
        for name, f in frames_of(panel, KNOWN + 10, KNOWN + 11).items()
    }
    held = live.positions
    assert live.update(empty) == held
    after = live.update(frames_of(panel, KNOWN + 11, KNOWN + 12))
    assert (
        list(after.values()) == live.model.decide(holed.window(0, KNOWN + 12)).targets[-1].tolist()
    )


def test_a_halt_begins_at_the_close_at_which_nobody_had_traded_for_a_day() -> None:
    panel = real(160).window(0, KNOWN + LATER)
    model = made(FamilyName.XGBOOST)
    quiet = slice(KNOWN + 10, KNOWN + 40)
    arrays = {n: getattr(panel, n).copy() for n in ("open", "high", "low", "close", "volume")}
    for array in arrays.values():
        array[quiet, 1] = panel.close[KNOWN + 9, 1]
    arrays["volume"][quiet, 1] = 0.0
    still = replace(panel, **arrays)
    live = model.live(frames_of(still, 0, KNOWN + 5))
    for end in (KNOWN + 12, KNOWN + 33):
        held = live.update(frames_of(still, KNOWN + 3, end))
        assert held == model.position(frames_of(still, 0, end))
        live = model.live_from(live.save())
    halted = frames_of(still, KNOWN + 20, KNOWN + 36)
    with pytest.raises(ClmError, match="ETH/USDT ends at"):
        live.update(halted)
    with pytest.raises(ClmError, match="ETH/USDT ends at"):
        model.position(frames_of(still, 0, KNOWN + 36))
    held = live.update(frames_of(still, KNOWN + 20, KNOWN + 45))
    assert held == model.position(frames_of(still, 0, KNOWN + 45))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c[:-20], "damaged"),
        (lambda c: c.replace(b'"last"', b'"lost"'), "damaged"),
        (lambda c: b"", "damaged"),
        (lambda c: b"[1]", "damaged"),
    ],
    ids=["cut off", "another word in it", "empty", "no state"],
)
def test_a_damaged_state_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    live, _ = bot()
    with pytest.raises(ClmError, match=message) as caught:
        live.model.live_from(damage(live.save()))
    assert caught.value.reason == "ArtifactCorrupt"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda m: replace(m, digest="0" * 64), "its model is"),
        (lambda m: replace(m, trained_until=m.trained_until + m.timeframe), "its trainedUntil is"),
    ],
    ids=["other files", "another training"],
)
def test_a_state_of_another_model_is_refused(
    other: Callable[[ServedModel], ServedModel], message: str
) -> None:
    live, _ = bot()
    with pytest.raises(ClmError, match=message) as caught:
        other(live.model).live_from(live.save())
    assert caught.value.reason == "ArtifactCorrupt"


def test_without_bars_and_without_a_stored_state_there_is_nothing_to_go_on_from() -> None:
    with pytest.raises(ClmError, match="stored no state") as caught:
        made(FamilyName.XGBOOST).live()
    assert caught.value.reason == "InsufficientData"
