"""The newest positions in a replay's report are those that a bot would hold."""

from datetime import datetime, timedelta

import pandas as pd

from clm_api.replay import ReplayTask
from clm_trainer.serving.model import load
from clm_trainer.serving.newest import newest_bars
from clm_trainer.storage import Storage
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    CHAMPION_UNTIL,
    LAST_SLOT,
    contender,
    layout_of,
    report_of,
    task_of,
)

HOUR = timedelta(hours=1)


def watching(store: Storage, slot: datetime, since: datetime | None = None) -> ReplayTask:
    """A replay of the champion whose positions hold for seven hours."""
    watch = {"maxDrawdown": 0.9, "drift": {"mode": "Off"}, "performance": {"mode": "Off"}}
    champion = contender(store, "champion", since or CHAMPION_UNTIL + timedelta(minutes=20))
    until = {"validUntil": slot + 7 * HOUR}
    return task_of(store, slot=slot, champion=champion, challenger=None, watch=watch | until)


def decided(store: Storage, slot: datetime) -> dict[str, float]:
    """Return what a bot holds after the newest bar that has closed by then."""
    model = load(store.address(layout_of("champion").manifest))
    found = model.decide(newest_bars(model, store, pd.Timestamp(slot)))
    return dict(zip(found.symbols, found.targets[-1].tolist(), strict=True))


def test_the_newest_positions_are_those_of_a_bot(store: Storage) -> None:
    seen = set()
    for hours in (5, 30, 31, 90, 200):
        slot = CHALLENGER_UNTIL + hours * HOUR + timedelta(minutes=7)
        signal = report_of(store, watching(store, slot)).signal
        assert signal is not None
        held = {one.symbol: one.position for one in signal.positions}
        assert held == decided(store, slot)
        seen |= set(held.values())
        assert signal.version == "champion"
        assert signal.decided_at == CHALLENGER_UNTIL + hours * HOUR
        assert signal.bar == signal.decided_at - HOUR
        assert signal.valid_until == slot + 7 * HOUR
    assert len(seen) > 1, "some hold and some don't"


def test_a_version_that_was_promoted_just_now_has_positions_before_its_first_bar(
    store: Storage,
) -> None:
    slot = CHALLENGER_UNTIL + 5 * HOUR + timedelta(minutes=7)
    report = report_of(store, watching(store, slot, since=slot + timedelta(seconds=20)))
    assert report.live is not None
    assert report.live.bars == 0
    assert report.signal is not None
    assert {s.symbol: s.position for s in report.signal.positions} == decided(store, slot)


def test_positions_on_bars_that_have_stopped_are_out_of_date_at_once(store: Storage) -> None:
    slot = LAST_SLOT + timedelta(days=3)
    signal = report_of(store, watching(store, slot)).signal
    assert signal is not None
    assert signal.decided_at == LAST_SLOT
    assert signal.valid_until == LAST_SLOT + 7 * HOUR


def test_nobody_asked_nothing_is_told(store: Storage) -> None:
    assert report_of(store, task_of(store)).signal is None
