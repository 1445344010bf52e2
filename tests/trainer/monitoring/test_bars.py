"""The bars of a replay: stored or from the exchange, shared, never half there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clm_api import environment
from clm_api.errors import ClmError
from clm_trainer.host import Host
from clm_trainer.monitoring import contenders, job
from clm_trainer.monitoring.fetching import fetch_for
from clm_trainer.serving.newest import closed_bars
from clm_trainer.sources.asked import Asked
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.attempts import change_json, rewrite
from tests.support.fake_exchange import FakeExchange
from tests.trainer.evaluation.markets import one
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    LAST_SLOT,
    contender,
    folder_of,
    path_of,
    publish,
    report_of,
    stored_report,
    task_of,
    tiny_run,
)
from tests.trainer.sources.worlds import btc, eth


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    with FakeExchange([btc(), eth()], LAST_SLOT).serve() as fake:
        monkeypatch.setenv(environment.EXCHANGE_URL, fake.url)
        yield fake


def _refreshes(run: dict[str, Any]) -> dict[str, Any]:
    spec = run["spec"]
    return run | {"spec": spec | {"data": spec["data"] | {"refresh": "Auto"}}}


def test_the_exchange_is_asked_only_if_the_versions_own_runs_did(
    store: Storage, exchange: FakeExchange
) -> None:
    stored = report_of(store, task_of(store))
    assert exchange.asked == []
    store.remove([path for path in store.list("bars") if "/2025-1" in path])
    for name in ("champion", "challenger"):
        rewrite(folder_of(store, name), "run.json", change_json(_refreshes))
    store.remove([path_of(task_of(store))])
    fetched = report_of(store, task_of(store))
    assert exchange.asked
    for before, after in ((stored.live, fetched.live), (stored.shadow, fetched.shadow)):
        assert before is not None
        assert after is not None
        assert after.having(sha256=before.sha256) == before
    assert "clock is" in fetched.notes[0], "what the data layer says is in the report"


def test_a_replay_takes_what_a_container_before_it_fetched(
    store: Storage, exchange: FakeExchange, tmp_path: Path
) -> None:
    wanted = report_of(store, task_of(store))
    store.remove([path for path in store.list("bars") if "/2025-1" in path])
    for name in ("champion", "challenger"):
        rewrite(folder_of(store, name), "run.json", change_json(_refreshes))
    task, noted, asked = task_of(store), tmp_path / "asked.json", Asked()
    store.remove([path_of(task)])
    fetch_for(task, _host(store, asked))
    asked.write(noted)
    before = len(exchange.asked)
    job.run(task, path_of(task), _host(store, Asked.read(noted)))
    made = stored_report(store, task)
    assert (before > 0, len(exchange.asked)) == (True, before)
    assert made.live is not None
    assert wanted.live is not None
    assert made.live.having(sha256=wanted.live.sha256) == wanted.live
    assert "clock is" in made.notes[0], "what asking told is in the report"


def _host(store: Storage, asked: Asked) -> Host:
    return Host(store, lambda: datetime.now(UTC), lambda: False, asked=asked)


def test_a_testnets_bars_are_its_own(store: Storage) -> None:
    data = tiny_run(data={"sandbox": True, "symbols": ["BTC/USDT"]}).data
    start, stop = (pd.Timestamp(CHALLENGER_UNTIL) + pd.Timedelta(hours=n) for n in (-9, 0))
    with pytest.raises(ClmError, match="no stored bars of binance-sandbox spot BTC/USDT"):
        closed_bars(data, store, start, stop)
    bars = BarCache(store).read(BarKey("binance", "spot", "BTC/USDT", "1h"), start, stop)
    BarCache(store).write(BarKey("binance-sandbox", "spot", "BTC/USDT", "1h"), bars, "test")
    panel, _ = closed_bars(data, store, start, stop)
    assert panel.close[:, 0].tolist() == bars["close"].tolist()


def test_bars_that_are_gone_fail_the_job(store: Storage) -> None:
    task = task_of(store)
    for path in store.list("bars/v1/binance/spot/ETH-USDT"):
        store.remove([path])
    with pytest.raises(ClmError, match="no stored bars of binance spot ETH/USDT") as caught:
        report_of(store, task)
    assert (caught.value.reason, caught.value.exit_code) == ("DataUnavailable", 69)
    assert store.get(path_of(task)) is None


def test_versions_of_one_market_share_their_bars_and_others_get_their_own(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[list[str]] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        fetched.append(arguments[0].symbols)
        return fetch(*arguments, **named)

    monkeypatch.setattr(contenders, "fetch", counted)
    report_of(store, task_of(store))
    assert fetched == [["BTC/USDT", "ETH/USDT"]]
    publish(store, "other", tiny_run(data={"symbols": ["BTC/USDT"]}))
    later = contender(store, "other", CHALLENGER_UNTIL)
    report = report_of(store, task_of(store, bars=1, champion=later, shadow={"minBars": 1}))
    assert fetched[1:] == [["BTC/USDT"], ["BTC/USDT", "ETH/USDT"]]
    assert report.live is not None
    assert report.live.bars == 0
    assert report.shadow is not None
    assert (
        "symbols ['BTC/USDT', 'ETH/USDT'] instead of ['BTC/USDT']" in report.shadow.looks[0].problem
    )


@dataclass(frozen=True)
class Late:
    name: str
    holes: tuple[int, ...]
    trained: int
    bars: int


LATE = [
    Late("every bar is there", (), 3, 8),
    Late("the newest is missing: it waits", (7,), 3, 7),
    Late("two are missing at the end", (6, 7), 3, 6),
    Late("a hole with bars after it stays", (5,), 3, 8),
    Late("bars of the training stay whatever is missing", (2, 3, 4, 5, 6, 7), 3, 4),
]


@pytest.mark.parametrize("case", LATE, ids=attrgetter("name"))
def test_bars_that_a_symbol_does_not_have_yet_wait(case: Late) -> None:
    panel = one([100.0 + i for i in range(8)], holes=case.holes)
    panel = replace(panel, symbols=("LATE/USDT",))
    settled, notes = contenders._settled(panel, panel.times[case.trained])
    assert len(settled) == case.bars
    assert len(notes) == (case.bars < 8)
    assert all("LATE/USDT has none yet" in note for note in notes)
