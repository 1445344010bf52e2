import logging
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from clm_api.report import Progress
from clm_trainer.progress import STAGES, ProgressReporter
from clm_trainer.storage import Storage

START = datetime(2025, 12, 2, 6, tzinfo=UTC)
LOG = logging.getLogger("test")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Objects:
    def __init__(self, *, broken: bool = False) -> None:
        self.written: list[Progress] = []
        self.broken = broken

    def put(self, path: str, content: bytes) -> None:
        if self.broken:
            raise OSError("no route to host")
        assert path == "progress.json"
        self.written.append(Progress.model_validate_json(content))


def reporter(objects: Objects, clock: Clock) -> ProgressReporter:
    return ProgressReporter(objects, "progress.json", clock=clock, log=LOG)


def test_within_five_seconds_only_a_new_stage_is_written() -> None:
    objects, clock = Objects(), Clock()
    tell = reporter(objects, clock)
    tell("fetch", 0.0)
    clock.passes(1)
    tell("fetch", 0.5)
    tell("train", 0.0)
    clock.passes(4.9)
    tell("train", 0.4)
    clock.passes(0.1)
    tell("train", 0.5)
    assert [(p.stage, p.percent) for p in objects.written] == [
        ("fetch", 0), ("train", 30), ("train", 55),
    ]  # fmt: skip


def test_the_stages_share_the_whole_run() -> None:
    ends = [share for stage in STAGES.values() for share in stage]
    assert ends[0] == 0
    assert ends[-1] == 100
    assert ends == sorted(ends)


def test_the_time_to_go_follows_from_the_time_so_far() -> None:
    objects, clock = Objects(), Clock()
    tell = reporter(objects, clock)
    tell("fetch", 0.0)
    clock.passes(30)
    tell("train", 0.0)
    assert [p.eta_seconds for p in objects.written] == [None, 70]


def test_a_write_that_fails_is_logged_and_never_fails_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporter(Objects(broken=True), Clock())("fetch", 0.0)
    assert "progress was not written: no route to host" in caplog.text


def test_a_store_that_is_silent_holds_a_run_up_for_two_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{mute.getsockname()[1]}")
        store, began = Storage("s3://models").hasty(), time.monotonic()
        ProgressReporter(store, "progress.json", clock=Clock(), log=LOG)("fetch", 0.0)
        took = time.monotonic() - began
    assert 1.5 < took < 8, "two seconds on an idle machine; a patient store takes 60"
    assert "progress was not written: no answer in time" in caplog.text
