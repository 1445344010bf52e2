"""When the store is looked at again: soon after somebody met it away, else once a minute."""

import asyncio
import selectors
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import pytest
from obstore.store import ObjectStore, from_url

from clm_api.layout import RunLayout
from clm_api.reasons import Reason
from clm_operator.clock import SystemClock
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import Key
from clm_operator.settings import StoreSettings
from clm_operator.store import standing as looks
from clm_operator.store.results import ArtifactReader
from clm_operator.store.standing import Standing
from clm_operator.view import Withheld
from tests.operator.units import builders as b


class _Selector(selectors.DefaultSelector):
    """Lets time pass instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its timers."""

    def __init__(self) -> None:
        self.clock = _Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def _standing(folder: Path) -> Standing:
    url = f"file://{folder}"
    store: ObjectStore = from_url(url, mkdir=True)
    settings = StoreSettings.model_validate({"url": url, "secretName": "keys"})
    return Standing(settings, store, SystemClock())


READY = StoreSeen(ready=True, reason=Reason.STORE_READY, message="")
AWAY = StoreSeen(ready=False, reason=Reason.STORAGE_UNAVAILABLE, message="")


@dataclass(frozen=True)
class Case:
    name: str
    seen: StoreSeen | None
    doubted_at: float | None
    looks_at: float


CASES = [
    Case("all is well: a request a minute, as many as without doubts", READY, None, 60),
    Case("met away right after a look: not at once, for it may come and go", READY, 1, 10),
    Case("met away later: at once", READY, 31, 31),
    Case("known to be away: every 5 s", AWAY, None, 5),
    Case("known to be away, and met away: no more often", AWAY, 1, 5),
    Case("never seen yet", None, None, 5),
]


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_when_the_next_look_is_due(case: Case, tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=_Loop) as runner:

        async def wait() -> float:
            loop = asyncio.get_running_loop()
            standing = _standing(tmp_path)
            standing.seen = case.seen
            if case.doubted_at is not None:
                loop.call_later(case.doubted_at, standing.doubt)
            await standing.pause()
            return loop.time()

        assert runner.run(wait()) == pytest.approx(case.looks_at, abs=0.01)


async def test_a_reader_that_meets_the_store_away_doubts_it(tmp_path: Path) -> None:
    heard: list[str] = []
    (tmp_path / "runs").write_text("where a folder was")
    store: ObjectStore = from_url(f"file://{tmp_path}")
    reader = ArtifactReader(store, lambda: heard.append("away"))
    layout = RunLayout("ns", "btc", "uid")
    assert await reader.report(layout) is not None
    assert await reader.replay(layout.manifest) is not None
    assert await reader.progress(layout, "pod-uid") is None
    assert heard == ["away"] * 3


async def test_every_schedule_hears_soon_of_an_outage_that_a_round_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round's keys were not lent: the store is asked itself, and it is away."""
    monkeypatch.setattr(looks, "_DOUBT_S", 0.01)
    folder = tmp_path / "store"
    standing, woken = _standing(folder), asyncio.Queue[Key]()
    standing.tell(b.seen(schedule=b.schedule_object()).view)
    task = asyncio.create_task(standing.run(woken.put_nowait))
    await asyncio.wait_for(woken.get(), 20)
    assert standing.seen is not None
    assert standing.seen.ready
    folder.rename(tmp_path / "gone")
    folder.write_text("where a folder was")
    refused = {"btc-1": Withheld(Reason.STORAGE_UNAVAILABLE, "no keys")}
    seen = standing.tell(b.seen(b.version(), withheld=refused).view)
    assert seen is not None
    assert seen.ready, "a round's word alone decides nothing"
    assert await asyncio.wait_for(woken.get(), 20) == b.KEY
    assert not standing.seen.ready
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
