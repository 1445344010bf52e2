"""What the pods of a simulation leave is what one machine would: through kills, to the byte."""

import logging
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.past import covering_run
from clm_api.reasons import Reason
from clm_api.simulation_task import SimulationResult
from clm_api.timing import slot_of
from clm_trainer.simulation import pod, run, workers
from clm_trainer.simulation.prepared import Prepared
from clm_trainer.simulation.reduce import reduce
from clm_trainer.simulation.slots import SlotFolder, packed
from clm_trainer.simulation.told import Told, slots_of
from clm_trainer.simulation.version import PastVersion
from clm_trainer.simulation.work import Work
from clm_trainer.sources.asked import Asked
from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.buckets import Bucket
from tests.trainer.pipeline.runs import import_bars
from tests.trainer.simulation.past import metrics
from tests.trainer.simulation.simulations import LAYOUT, POD, START, STOP, Simulated, schedule

LENIENT = {
    "minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0, "maxDrawdown": 1, "minTrades": 0,
}  # fmt: skip
"""Everything passes: so something is traded."""
AS_IS = schedule(promotion={"criteria": LENIENT})
SLOWER = schedule(promotion={"criteria": LENIENT}, model={"seed": 8}, interval="14d")
FILES = ("simulation.json", "equity.parquet", "trades.parquet", "equity.svg")


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    import_bars(Storage(str(folder / "store")), folder)
    return folder / "store"


@pytest.fixture
def store(bars: Path, tmp_path: Path) -> Storage:
    shutil.copytree(bars, tmp_path / "store")
    return Storage(str(tmp_path / "store"))


def versions(sim: Simulated, variant: str = "as-is") -> list[str]:
    return sim.store.list(f"{LAYOUT.slots(variant)}/")


@pytest.mark.slow
def test_killed_pods_leave_what_one_machine_does(
    store: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = Simulated(store, {"as-is": AS_IS, "slower": SLOWER})
    told = {environment.VARIANT: "as-is", environment.INDEX: "0"}
    first = sim.pod(tmp_path, environment.SIMULATE, **told).start()
    try:
        _until(lambda: bool(versions(sim)), first.poll)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=30)
    finally:
        first.kill()
    (path,) = versions(sim)
    kept = store.get_tagged(path)
    code, lines = sim.pod(tmp_path, environment.SIMULATE, attempt="pod-2", **told).run()
    assert code == 0, lines
    assert "2 slots, 1 of them finished before" in lines[0]["message"]
    assert len([line for line in lines if "is trained" in line["message"]]) == 1
    assert store.get_tagged(path) == kept, "trained once"
    assert store.get(LAYOUT.progress_of("as-is", 0)) == b".."
    assert b"1 of them finished before" in (store.get(LAYOUT.log("as-is", "pod-2")) or b"")
    told[environment.INDEX] = "1"
    assert sim.pod(tmp_path, environment.SIMULATE, attempt="pod-3", **told).run()[0] == 0
    for module in (pod, run):  # what is left is trained here: no further process is started
        monkeypatch.setattr(module, "thread_count", lambda: 1)
    for index in (0, 1):
        pod.train_slots(sim.told, sim.told.variant("slower"), index, sim.host)
    code, lines = sim.pod(tmp_path, environment.REDUCE, attempt="pod-4").run()
    assert code == 0, lines
    _as_on_one_machine(sim, store, tmp_path)
    before = store.list(f"{LAYOUT.prefix}/")
    assert sim.pod(tmp_path, environment.REDUCE, attempt="pod-5").run()[0] == 0
    assert [p for p in store.list(f"{LAYOUT.prefix}/") if p not in before] == [
        LAYOUT.attempt_file("pod-5", "log.jsonl")
    ], "a second pod changes nothing"


def _as_on_one_machine(sim: Simulated, store: Storage, tmp_path: Path) -> None:
    result = SimulationResult.model_validate_json(sim.content("results.json"))
    assert (result.judged, result.tries) == (6, 6)
    assert [(one.name, one.versions, one.promotions) for one in result.variants] == [
        ("as-is", 4, 4), ("slower", 2, 2),
    ]  # fmt: skip
    for name, spec in sim.variants.items():
        covering = covering_run(spec, START, STOP, POD)
        local = run.Simulator.prepare(spec, covering, START, STOP, store, tmp_path / "local")
        local.train(lambda *_: None)
        local.finish()
        for file in FILES:
            wanted = (local.folder / file).read_bytes()
            assert sim.content(f"variants/{name}/{file}") == wanted, file
        for slot in local.prepared.slots:
            mine = (local.folder / "versions" / f"{slot_of(slot)}.npz").read_bytes()
            assert store.get(LAYOUT.slot(name, slot_of(slot))) == mine, slot


def _until(happened: Callable[[], bool], ended: Callable[[], int | None]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert ended() is None, "it ended before"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_told_to_stop_it_ends_at_once_and_stores_no_half_version(
    store: Storage, processes: int
) -> None:
    long = schedule(model={"xgboost": {"rounds": 5000, "maxDepth": 8, "rowStride": 1}})
    sim = Simulated(store, {"as-is": long}, indices=1)
    prepared = sim.told.prepare(sim.told.variant("as-is"), sim.host)
    begun, before, made = time.monotonic(), _cpu_s(), list[datetime]()
    with pytest.raises(ClmError) as caught:
        workers.train_all(
            prepared.work, prepared.slots, processes, lambda slot, _: made.append(slot),
            lambda: time.monotonic() > begun + 4,
        )  # fmt: skip
    assert caught.value.reason is Reason.INTERRUPTED
    assert _cpu_s() - before < 40, "a whole version takes minutes"
    assert made == []


def _cpu_s() -> float:
    """CPU seconds of this process and of those that it has begun and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


# The rest trains nothing: versions are made up.


def made_up(work: Work, slot: datetime) -> bytes:
    """A version that follows from its slot alone."""
    rows = len(work.panel) - work.row(slot)
    ranks = np.random.default_rng(slot_of(slot)).random((rows, 2))
    version = PastVersion(slot, metrics(), ranks, np.full(ranks.shape, 0.004))
    return packed(version, work.made_of)


@pytest.fixture
def no_training(
    bars: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Prepared:
    """Daily versions that cost nothing, on bars that are read once."""
    folder = tmp_path_factory.mktemp("once")
    shutil.copytree(bars, folder / "store")
    sim = Simulated(Storage(str(folder / "store")), {"as-is": DAILY}, indices=1)
    prepared = sim.told.prepare(sim.told.variant("as-is"), sim.host)
    monkeypatch.setattr(pod, "thread_count", lambda: 1)
    monkeypatch.setattr(Work, "train", lambda work, slot, _: made_up(work, slot))
    monkeypatch.setattr(Told, "prepare", lambda *_: prepared)
    return prepared


DAILY = schedule(interval="1d", promotion={"criteria": LENIENT})
EVERY_SLOT = 28


class Trainer:
    """Remembers which slots were trained, and is tired after some."""

    def __init__(self) -> None:
        self.trained, self.left = list[datetime](), 0

    def note(self, slot: datetime) -> None:
        self.trained.append(slot)
        self.left -= 1

    def tired(self) -> bool:
        return self.left <= 0


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 40), st.integers(0, 2**32))
def test_however_slots_are_split_and_pods_are_stopped_the_versions_are_the_same(
    no_training: Prepared, tmp_path_factory: pytest.TempPathFactory, pods: int, seed: int
) -> None:
    store, trainer = Storage(str(tmp_path_factory.mktemp("split"))), Trainer()
    sim = Simulated(store, {"as-is": DAILY}, indices=pods)
    told, host = sim.told, replace(sim.host, should_stop=trainer.tired)
    waiting, luck = list(range(pods)), random.Random(seed)

    def train(work: Work, slot: datetime, _: object) -> bytes:
        trainer.note(slot)
        return made_up(work, slot)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "train", train)
        while waiting:
            index, trainer.left = luck.choice(waiting), luck.randint(1, 4)
            with suppress(ClmError):
                pod.train_slots(told, told.variant("as-is"), index, host)
                waiting.remove(index)
    assert sorted(trainer.trained) == list(no_training.slots), "each once"
    told_of = [store.get(LAYOUT.progress_of("as-is", index)) or b"" for index in range(pods)]
    assert sum(map(len, told_of)) == EVERY_SLOT
    folder = SlotFolder(store, LAYOUT.slots("as-is"))
    for slot in no_training.slots:
        assert store.get(folder.path(slot)) == made_up(no_training.work, slot)


def test_pods_and_the_reducing_one_work_on_a_real_store(
    no_training: Prepared, minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(minio, "simulation", tmp_path / "none")
    try:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        sim = Simulated(Storage(f"{bucket.url}/some/prefix"), {"as-is": DAILY}, indices=2)
        told = sim.told
        slots = f"some/prefix/{LAYOUT.slots('as-is')}/"
        bucket.refused = {slots: 403}
        with pytest.raises(ClmError) as caught:
            pod.train_slots(told, told.variant("as-is"), 0, sim.host)
        assert caught.value.reason is Reason.STORAGE_DENIED
        bucket.refused = {f"some/prefix/{LAYOUT.progress('as-is')}/": 403}
        for index in (0, 1, 0):
            pod.train_slots(told, told.variant("as-is"), index, sim.host)
        written = [key for key in bucket.written if key.startswith(slots)]
        assert len(written) == 1 + EVERY_SLOT, "the refused one, then each once"
        bucket.refused = {}
        reduce(told, "pod-1", sim.host)
        before = bucket.keys
        reduce(told, "pod-2", sim.host)
        assert bucket.keys == before, "the second one finds the manifest"
        here, _ = whole(Storage(str(tmp_path / "here")), no_training)
        reduce(here.told, "pod-1", here.host)
        for file in FILES:
            assert sim.content(f"variants/as-is/{file}") == here.content(f"variants/as-is/{file}")
    finally:
        bucket.close()


def whole(store: Storage, prepared: Prepared) -> tuple[Simulated, SlotFolder]:
    """A simulation whose versions are all there."""
    sim = Simulated(store, {"as-is": DAILY}, indices=1)
    folder = SlotFolder(store, LAYOUT.slots("as-is"))
    for slot in prepared.slots:
        folder.create(slot, made_up(prepared.work, slot))
    return sim, folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            None,
            "1 of 28 slots of variant as-is have no version, the first one is 2025-11-06",
        ),
        ({"bars": "b" * 64}, "slot 2025-11-06T00:00Z was made of other bars"),
        ({"code": "c" * 64}, "slot 2025-11-06T00:00Z was made of other code"),
    ],
    ids=["absent", "other bars", "other code than the first one"],
)
def test_versions_that_do_not_fit_are_not_judged(
    no_training: Prepared, tmp_path: Path, changed: dict[str, str] | None, said: str
) -> None:
    store = Storage(str(tmp_path))
    sim, folder = whole(store, no_training)
    slot = no_training.slots[5]
    store.remove([folder.path(slot)])
    if changed is not None:
        work = no_training.work
        other = replace(work, made_of=replace(work.made_of, **changed))
        folder.create(slot, made_up(other, slot))
    with pytest.raises(ClmError) as caught:
        reduce(sim.told, "pod-1", sim.host)
    assert caught.value.reason is Reason.DATA_INVALID
    assert said in caught.value.message
    assert store.get(LAYOUT.manifest) is None


def test_versions_of_an_own_image_are_judged_by_one_that_lacks_its_code(
    no_training: Prepared, tmp_path: Path
) -> None:
    store = Storage(str(tmp_path))
    sim, folder = whole(store, no_training)
    work = no_training.work
    own = replace(work, made_of=replace(work.made_of, code="0" * 64))
    for slot in no_training.slots:
        store.put(folder.path(slot), made_up(own, slot))
    reduce(sim.told, "pod-1", sim.host)
    (origin,) = sim.manifest().variants
    assert origin.fingerprint == own.made_of.sha256


def test_a_pod_with_other_bars_than_those_before_it_trains_nothing(
    no_training: Prepared, tmp_path: Path
) -> None:
    store = Storage(str(tmp_path))
    sim, folder = whole(store, no_training)
    store.remove([folder.path(slot) for slot in no_training.slots[1:]])
    other = replace(no_training.work, made_of=replace(no_training.work.made_of, bars="b" * 64))
    store.put(folder.path(no_training.slots[0]), made_up(other, no_training.slots[0]))
    with pytest.raises(ClmError, match="slot 2025-11-01T00:00Z was made of other bars"):
        pod.train_slots(sim.told, sim.told.variant("as-is"), 0, sim.host)
    assert folder.finished(no_training.slots) == {no_training.slots[0]}


def test_a_version_that_another_pod_stored_first_stands(
    no_training: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store = Storage(str(tmp_path))
    sim, _ = whole(store, no_training)
    monkeypatch.setattr(SlotFolder, "finished", lambda *_: set())
    monkeypatch.setattr(Work, "train", lambda *_: b"something else")
    before = {path: store.get(path) for path in versions(sim)}
    with caplog.at_level(logging.WARNING):
        pod.train_slots(sim.told, sim.told.variant("as-is"), 0, sim.host)
    assert {path: store.get(path) for path in versions(sim)} == before
    assert caplog.text.count("its version stands") == EVERY_SLOT


def test_the_next_container_trains_on_what_the_fetching_one_brought(
    bars: Path, tmp_path: Path
) -> None:
    shutil.copytree(bars, tmp_path / "store")
    sim = Simulated(Storage(str(tmp_path / "store")), {"as-is": DAILY}, indices=1)
    noted, asked = tmp_path / "fetched", Asked()
    sim.told.fetch("as-is", replace(sim.host, asked=asked))
    asked.write(noted)
    told = Asked.read(noted)
    work = sim.told.prepare(sim.told.variant("as-is"), replace(sim.host, asked=told)).work
    told.same(work.made_of.bars)
    with pytest.raises(ClmError, match="changed between fetching and training"):
        told.same("0" * 64)


def test_a_pod_with_another_task_than_its_job_says_so_and_is_not_retried(
    store: Storage, tmp_path: Path
) -> None:
    sim = Simulated(store, {"as-is": DAILY})
    told = {environment.VARIANT: "as-is", environment.INDEX: "0"}
    one = sim.pod(tmp_path, environment.SIMULATE, **told, **{environment.TASK_SHA256: "0" * 64})
    code, _ = one.run()
    assert (code, one.last_words().reason) == (64, "SpecInvalid")
    assert "task.json was changed: its sha256 is" in one.last_words().message


def _told_of_another(sim: Simulated) -> None:
    Told.read(sim.store, replace(LAYOUT, name="other"), sim.sha256)


NONSENSE: dict[str, tuple[Callable[[Simulated], object], str]] = {
    "no task": (_told_of_another, "simulations/trading/other/"),
    "variant": (lambda sim: sim.told.variant("other"), "task.json has no variant 'other'"),
    "index": (lambda sim: slots_of(sim.told.variant("as-is"), [], 2), "2 pods, and none is 2"),
}


@pytest.mark.parametrize(("ask", "said"), NONSENSE.values(), ids=NONSENSE)
def test_what_a_pod_is_told_must_be_there(
    tmp_path: Path, ask: Callable[[Simulated], object], said: str
) -> None:
    with pytest.raises(ClmError, match=said) as caught:
        ask(Simulated(Storage(str(tmp_path)), {"as-is": DAILY}))
    assert caught.value.reason is Reason.SPEC_INVALID
