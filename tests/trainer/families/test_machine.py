"""What a fit may use of the machine: threads of the cgroup's quota, and GPUs that are there."""

import ctypes
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clm_api.errors import ClmError
from clm_trainer import devices, threads


@dataclass
class Quota:
    name: str
    cpus: float | None
    v2: str | None = None
    v1: str | None = None
    v1_period: str | None = "100000\n"


QUOTAS = [
    Quota("version 2, two CPUs", 2.0, v2="200000 100000\n"),
    Quota("version 2, half a CPU", 0.5, v2="50000 100000\n"),
    Quota("version 2, another period", 1.5, v2="75000 50000\n"),
    Quota("version 2 without a limit", None, v2="max 100000\n"),
    Quota("version 1, four CPUs", 4.0, v1="400000\n"),
    Quota("version 1 without a limit", None, v1="-1\n"),
    Quota("version 1 without its period", None, v1="400000\n", v1_period=None),
    Quota("both: version 2 counts", 1.0, v2="100000 100000\n", v1="400000\n"),
    Quota("both, version 2 without a limit", None, v2="max 100000\n", v1="400000\n"),
    Quota("no cgroup at all", None, v1_period=None),
]


@pytest.mark.parametrize("case", QUOTAS, ids=attrgetter("name"))
def test_quota(case: Quota, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("cpu.max", "quota", "period")]
    for path, text in zip(paths, (case.v2, case.v1, case.v1_period), strict=True):
        if text is not None:
            path.write_text(text)
    assert threads.quota(*paths) == case.cpus


@pytest.mark.parametrize(
    ("cores", "cpus", "count"),
    [(8, None, 8), (8, 3.0, 3), (8, 2.9, 2), (8, 0.5, 1), (2, 16.0, 2), (1, 1.0, 1)],
    ids=[
        "no limit: every core", "the quota, not the cores", "a part of a CPU is no thread",
        "at least one", "no more than there are cores", "one",
    ],
)  # fmt: skip
def test_threads(
    cores: int, cpus: float | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(threads, "quota", lambda: cpus)
    assert threads.thread_count() == count


@pytest.mark.parametrize(
    ("asked", "visible", "device"),
    [(0, 0, "cpu"), (0, 2, "cpu"), (1, 1, "cuda"), (1, 2, "cuda"), (2, 2, "cuda")],
    ids=["none asked", "none asked, two there", "one of one", "one of two", "two of two"],
)
def test_the_device_that_was_asked_for(
    asked: int, visible: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "visible_gpus", lambda: visible)
    assert devices.choose_device(asked) == device


@pytest.mark.parametrize(("asked", "visible"), [(1, 0), (2, 1)], ids=["one of none", "two of one"])
def test_a_missing_gpu_is_an_error_and_no_fallback(
    asked: int, visible: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "visible_gpus", lambda: visible)
    with pytest.raises(ClmError, match=rf"asks for {asked} GPU\(s\) .* sees {visible}") as caught:
        devices.choose_device(asked)
    assert caught.value.reason == "DeviceUnavailable"


class Driver:
    """Stands for libcuda."""

    def __init__(self, started: int, counted: int, found: int) -> None:
        self.started, self.counted, self.found = started, counted, found

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's name
        assert flags == 0
        return self.started

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802 - the driver's name
        count._obj.value = self.found
        return self.counted


@pytest.mark.parametrize(
    ("driver", "count"),
    [(Driver(0, 0, 2), 2), (Driver(0, 0, 0), 0), (Driver(100, 0, 2), 0), (Driver(0, 3, 2), 0)],
    ids=["two GPUs", "a driver without GPUs", "the driver does not start", "it can't count"],
)
def test_what_the_driver_says(driver: Driver, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    assert devices.visible_gpus() == count


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(ClmError) as caught:
        devices.choose_device(1)
    assert caught.value.reason == "DeviceUnavailable"
