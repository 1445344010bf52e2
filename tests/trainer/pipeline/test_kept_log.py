"""A run's log in the store: in pieces, bounded, and no matter to the run."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import clm_trainer.kept_log
from clm_api import environment
from clm_trainer import __main__ as command
from clm_trainer.kept_log import KeptLog
from tests.support.ports import eventually


@dataclass
class Object:
    """A store of one object, which may be away."""

    content: bytes = b""
    away: bool = False
    puts: list[str] = field(default_factory=list)

    def put(self, path: str, content: bytes) -> None:
        self.puts.append(path)
        if self.away:
            raise OSError("no answer")
        self.content = content

    @property
    def messages(self) -> list[str]:
        lines = map(json.loads, self.content.splitlines())
        return [line.get("message", line.get("leftOut")) for line in lines]


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    log = logging.getLogger("a run")
    log.setLevel(logging.INFO)
    yield log
    for handler in tuple(log.handlers):
        log.removeHandler(handler)
        handler.close()


def keep(log: logging.Logger) -> Object:
    store = Object()
    log.addHandler(KeptLog(store, "runs/log.jsonl"))
    return store


def test_a_killed_pod_leaves_what_it_had_said(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_trainer.kept_log, "INTERVAL_S", 0.01)
    store = keep(log)
    log.info("one")
    eventually(lambda: store.messages == ["one"], "written without being asked")
    log.info("two")
    eventually(lambda: store.messages == ["one", "two"], "written again")


def test_a_log_without_end_keeps_its_beginning_and_its_end(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_trainer.kept_log, "MOST_BYTES", 1000)
    store = keep(log)
    for number in range(500):
        log.info("line %d", number)
    log.handlers[0].flush()
    said = store.messages
    assert len(store.content) < 2100
    assert (said[0], said[-1]) == ("line 0", "line 499")
    gap = next(i for i, text in enumerate(said) if "lines" in text)
    assert said[gap] == f"{500 - (len(said) - 1)} lines"


def test_a_store_that_is_away_costs_lines_and_nothing_else(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    store = keep(log)
    store.away = True
    for text in ("one", "two"):
        log.info(text)
        log.handlers[0].flush()
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert said == ["the log was not stored: no answer"]
    store.away = False
    log.handlers[0].flush()
    assert store.messages == ["one", "two"]
    log.handlers[0].flush()
    assert len(store.puts) == 3, "nothing new is not written again"


def test_a_log_that_is_closed_while_it_is_written_ends_its_thread_in_peace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clm_trainer.kept_log, "INTERVAL_S", 1e-6)
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)

    class ClosesMeanwhile(Object):
        def put(self, path: str, content: bytes) -> None:
            super().put(path, content)
            logging.Handler.close(kept)

    others = set(threading.enumerate())
    for _ in range(5):
        store = ClosesMeanwhile()
        kept = KeptLog(store, "runs/log.jsonl")
        kept.handle(logging.makeLogRecord({"msg": "one"}))
        eventually(lambda: bool(store.puts), "written without being asked")  # noqa: B023
        writers = set(threading.enumerate()) - others
        kept.close()
        for thread in writers:
            thread.join(10)
        assert not any(thread.is_alive() for thread in writers)
    assert died == []


def test_a_store_that_takes_the_connection_and_never_answers_holds_the_end_up_for_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv(environment.STORE_URL, "s3://bucket")
        before = tuple(root.handlers)
        command._keep_log("runs/log.jsonl")
        (kept,) = set(root.handlers) - set(before)
        root.warning("one")
        begun = time.monotonic()
        kept.flush()
        took = time.monotonic() - begun
        root.removeHandler(kept)
        kept.close()
    assert took < 15, "a request is given up long before the kubelet kills"
