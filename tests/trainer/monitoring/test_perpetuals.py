"""Perpetuals in a replay: shorts, and the funding of the later bars charged as in training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.replay import ReplayTask
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.serving.model import load
from clm_trainer.serving.newest import newest_bars
from clm_trainer.stages.funding import dues, funding_events
from clm_trainer.storage import Storage
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    LAST_SLOT,
    contender,
    import_until,
    layout_of,
    publish,
    report_of,
    task_of,
    tiny_run,
)
from tests.trainer.pipeline.perpetuals import PERPETUALS, import_synthetic_funding

SHORT: dict[str, Any] = {
    "data": {"market": "usdm"},
    "target": {"positions": "longFlatShort", "entryPercentile": 0.55, "minHoldBars": 4},
    "costs": {"feeBps": 0, "slippageBps": 0},
}


@pytest.fixture
def perpetual(tmp_path: Path) -> Storage:
    """A version on perpetuals, and a month of stand-in bars and synthetic funding after it."""
    store = Storage(str(tmp_path / "perpetuals"))
    import_until(store, tmp_path, CHALLENGER_UNTIL, market="usdm", suffix=":USDT")
    for symbol in PERPETUALS:
        import_synthetic_funding(store, tmp_path, symbol)
    publish(store, "perpetual", tiny_run(**SHORT))
    import_until(store, tmp_path, LAST_SLOT, market="usdm", suffix=":USDT")
    return store


def task(store: Storage, **changes: Any) -> ReplayTask:
    since = contender(store, "perpetual", CHALLENGER_UNTIL)
    return task_of(store, champion=None, challenger=since, **changes)


def test_funding_is_charged_on_the_later_bars(perpetual: Storage) -> None:
    asked = task(perpetual, bars=60)
    shadow = report_of(perpetual, asked).shadow
    assert shadow is not None
    model = load(perpetual.address(layout_of("perpetual").manifest))
    panel = newest_bars(model, perpetual, pd.Timestamp(asked.slot))
    window, targets = panel.window(len(panel) - 60, len(panel)), model.decide(panel).targets[-60:]
    assert (targets < 0).any(), "the case has shorts"
    events = funding_events(model.spec, window, perpetual)
    assert events is not None
    with_it, without = (
        backtest.run(Play(window, targets, 0.0, due)).equity["equity"].iloc[-1] - 1
        for due in (dues(events, window), None)
    )
    assert shadow.metrics["totalReturn"] == with_it
    assert not np.isclose(with_it, without, rtol=1e-6), "the case has funding"
    assert shadow.replay_mismatch == 0


def test_a_look_is_charged_no_funding_that_came_after_it(perpetual: Storage) -> None:
    early, later = (report_of(perpetual, task(perpetual, bars=bars)).shadow for bars in (12, 25))
    assert early is not None
    assert later is not None
    assert [one.bars for one in later.looks] == [12, 24]
    assert early.looks == later.looks[:1]
    assert early.looks[0].metrics["exposure"] > 0


def test_without_the_later_funding_the_job_fails(perpetual: Storage) -> None:
    asked = task(perpetual, bars=60)
    perpetual.remove([p for p in perpetual.list("bars") if "/funding/2025-11" in p])
    with pytest.raises(ClmError, match="no binance usdm BTC/USDT:USDT funding from") as caught:
        report_of(perpetual, asked)
    assert caught.value.exit_code == 69
