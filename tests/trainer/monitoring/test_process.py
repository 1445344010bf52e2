"""A replay as a pod does it: told by the environment, heard by exit code and last words."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clm_api import environment
from clm_api.replay import ReplayTask
from clm_api.report import TerminationMessage
from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.trainer.monitoring.published import (
    SCHEDULE_UID,
    layout_of,
    path_of,
    stored_report,
    task_of,
)

MODULE = ("-m", "clm_trainer")
IMPORTED = """
import sys
from clm_trainer.__main__ import main
code = main(sys.argv[1:])
print([m for m in ("torch", "ray", "ccxt", "lightgbm") if m in sys.modules])
sys.exit(code)
"""
SAYS_WHAT_IT_IMPORTED = ("-c", IMPORTED)


@dataclass
class Pod:
    """A process of its own."""

    store: str
    folder: Path
    task: str
    extra: dict[str, str] = field(default_factory=dict)
    command: str = "replay"
    variable: str = environment.REPLAY_TASK

    def start(self, how: tuple[str, ...] = MODULE) -> "subprocess.Popen[str]":
        variables = {
            self.variable: self.task,
            environment.RUN_NAMESPACE: "trading",
            environment.RUN_SCHEDULE: "btc-eth",
            environment.RUN_NAME: "btc-eth-replay",
            environment.RUN_UID: SCHEDULE_UID,
            environment.ATTEMPT: "pod-1",
            environment.STORE_URL: self.store,
            environment.TERMINATION_LOG: str(self.folder / "termination-log"),
        }
        return subprocess.Popen(
            [sys.executable, *how, self.command],
            env={**os.environ, **variables, **self.extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, how: tuple[str, ...] = MODULE) -> tuple[int, str, list[dict[str, Any]]]:
        """Return exit code, output and log lines."""
        with self.start(how) as process:
            try:
                out, errors = process.communicate(timeout=180)
            finally:
                process.kill()
        return process.returncode, out, [json.loads(line) for line in errors.splitlines()]

    def last_words(self) -> TerminationMessage:
        text = (self.folder / "termination-log").read_text()
        return TerminationMessage.model_validate_json(text)


def pod_of(store: Storage, folder: Path, task: ReplayTask, **extra: str) -> Pod:
    told = task.model_dump_json(by_alias=True, exclude_none=True)
    return Pod(store.url, folder, told, extra)


def test_a_pod_writes_its_report_and_a_second_one_changes_nothing(
    store: Storage, tmp_path: Path
) -> None:
    task = task_of(store)
    model = next(Path(store.url.removeprefix("file://")).rglob("champion-uid/**/model.ubj"))
    model.write_bytes(model.read_bytes()[:-1] + b" ")
    code, imported, lines = pod_of(store, tmp_path, task).run(SAYS_WHAT_IT_IMPORTED)
    assert code == 0, lines
    assert imported.strip() == "[]", "boosting needs no other library, refresh Never no exchange"
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert stages == [
        "load", "fetch", "replay", "shadow", "performance", "drift", "execution", "signal",
        "report",
    ]  # fmt: skip
    assert (lines[0]["schedule"], lines[0]["run"]) == ("btc-eth", SCHEDULE_UID)
    assert "shadow " in lines[-1]["message"], "what took how long"
    report = stored_report(store, task)
    assert report.shadow is not None
    assert report.shadow.bars == 24
    assert [(p.version, p.reason) for p in report.problems] == [("champion", "ArtifactCorrupt")]
    assert not (tmp_path / "termination-log").exists()
    before = {path: store.get(path) for path in store.list("")}
    code, _, lines = pod_of(store, tmp_path, task).run()
    assert code == 0
    assert [line["message"] for line in lines] == [f"{path_of(task)} is written already"]
    assert {path: store.get(path) for path in store.list("")} == before


def test_sigterm_ends_it_cleanly(store: Storage, tmp_path: Path) -> None:
    task = task_of(store, bars=700)
    pod = pod_of(store, tmp_path, task)
    with pod.start() as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if json.loads(line).get("stage") == "shadow":
                    break
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 75
    assert pod.last_words().reason == "Interrupted"
    assert "during shadow" in pod.last_words().message
    assert store.get(path_of(task)) is None


@dataclass(frozen=True)
class Case:
    name: str
    pod: Callable[[Storage, Path], Pod]
    code: int
    reason: str
    said: str


def _without_bars(store: Storage, folder: Path) -> Pod:
    pod = pod_of(store, folder, task_of(store))
    store.remove(store.list("bars"))
    return pod


def _told(text: str) -> Callable[[Storage, Path], Pod]:
    return lambda store, folder: Pod(store.url, folder, text)


CASES = [
    Case("no bars", _without_bars, 69, "DataUnavailable", "no stored bars of binance spot BTC"),
    Case("no task", _told(""), 64, "SpecInvalid", "CLM_REPLAY_TASK is not set"),
    Case("half a task", _told('{"champion": null}'), 64, "SpecInvalid", "slot: Field required"),
    Case("no uid", lambda s, f: pod_of(s, f, task_of(s), **{environment.RUN_UID: ""}), 64,
         "SpecInvalid", "CLM_RUN_UID is not set"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_pod_that_fails_says_why(case: Case, store: Storage, tmp_path: Path) -> None:
    pod = case.pod(store, tmp_path)
    code, _, lines = pod.run()
    words = pod.last_words()
    assert (code, words.code, words.reason) == (case.code, case.code, case.reason), lines
    assert case.said in words.message
    assert any(line.get("reason") == case.reason for line in lines)


def test_a_report_in_minio_equals_one_in_a_folder(
    minio: MinioServer, store: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    remote = Storage(f"{minio.make_bucket('replays')}/some/prefix")
    for path in store.list(""):
        remote.put(path, store.get(path) or b"")
    reports = []
    for place in (store, remote):
        task = task_of(place)
        code, _, lines = pod_of(place, tmp_path, task).run()
        assert code == 0, lines
        reports.append(stored_report(place, task))
    assert reports[0].live == reports[1].live
    assert reports[0].shadow == reports[1].shadow
    assert reports[1].task.champion is not None
    assert reports[1].task.champion.uri == remote.address(layout_of("champion").manifest)
