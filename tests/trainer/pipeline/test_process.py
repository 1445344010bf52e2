import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from clm_api import environment
from clm_api.layout import LOG
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import LAYOUT, Pod, manifest_of, small_run


def kept_lines(store: Storage, attempt: str) -> list[dict[str, Any]]:
    """Return what the store keeps of a pod's log."""
    return [json.loads(line) for line in (store.get(LAYOUT.log(attempt)) or b"").splitlines()]


def results(store: Storage) -> dict[str, bytes | None]:
    """Return all objects of runs but logs."""
    return {path: store.get(path) for path in store.list("runs") if not path.endswith(LOG)}


def test_a_pod_publishes_and_a_second_one_changes_nothing(store: Storage, tmp_path: Path) -> None:
    code, lines = Pod(store.url, tmp_path).run()
    assert code == 0, lines
    train = next(line for line in lines if line.get("stage") == "train")
    assert (train["schedule"], train["version"], train["run"]) == (
        "btc-eth", "btc-eth-29410920", LAYOUT.uid,
    )  # fmt: skip
    assert not (tmp_path / "termination-log").exists()
    assert kept_lines(store, "pod-1") == lines
    before = results(store)
    code, lines = Pod(store.url, tmp_path, attempt="pod-2").run()
    assert code == 0
    assert any("published already" in line["message"] for line in lines)
    assert results(store) == before
    assert manifest_of(store).attempt == "pod-1"


def test_sigterm_in_training_ends_it_cleanly(store: Storage, tmp_path: Path) -> None:
    long = {"model": {"xgboost": {"rounds": 5000, "maxDepth": 8, "rowStride": 1}}}
    pod = Pod(store.url, tmp_path, spec=small_run(**long))
    process = pod.start()
    try:
        progress = LAYOUT.progress(pod.attempt)
        deadline = time.monotonic() + 60
        while b'"train"' not in (store.get(progress) or b""):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 75
    assert pod.last_words().reason == "Interrupted"
    assert store.get(LAYOUT.manifest) is None
    assert kept_lines(store, pod.attempt)[-1]["reason"] == "Interrupted"


def test_a_run_that_hangs_after_sigterm_is_ended(tmp_path: Path) -> None:
    code = (
        "import os, signal, threading, time\n"
        "from clm_trainer.__main__ import stop_on_sigterm\n"
        "stop_on_sigterm(threading.Event(), 0.2)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(60)"
    )
    pod = Pod("", tmp_path)
    words = {environment.TERMINATION_LOG: str(tmp_path / "termination-log")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **words}, timeout=30, check=False
    )
    assert done.returncode == 75
    assert pod.last_words().reason == "Interrupted"
