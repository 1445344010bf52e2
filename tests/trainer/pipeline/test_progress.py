import logging
from datetime import UTC, datetime, timedelta

import pytest

from clm_api.report import Progress
from clm_trainer.progress import STAGES, ProgressReporter

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
