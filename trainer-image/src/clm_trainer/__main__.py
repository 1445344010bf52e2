"""``python -m clm_trainer COMMAND``: what a Job's pod does, told by the environment."""

import argparse
import gc
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pydantic import ValidationError

from clm_api import environment, former, logs
from clm_api.base import Model
from clm_api.errors import ClmError
from clm_api.layout import LOG as LOG_FILE
from clm_api.layout import RunLayout, SimulationLayout, replay_report
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_api.timing import slot_of
from clm_trainer import compiled
from clm_trainer.host import Host
from clm_trainer.kept_log import KeptLog
from clm_trainer.sources.asked import Asked
from clm_trainer.storage import Storage
from clm_trainer.termination import write_last_words
from clm_trainer.threads import thread_count

if TYPE_CHECKING:
    from clm_api.replay import ReplayTask
    from clm_trainer.simulation.told import Told

LOG = logging.getLogger("clm_trainer")
GRACE_S = 20.0
"""Seconds between SIGTERM and the end; the kubelet kills after 30."""
_PATIENCE_S = 2.0
"""How long the store is asked to take the log."""
_SELDOM = (50_000, 20, 20)
"""Objects between two collections: imports make many that stay, which Python looks through again
and again otherwise."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_M = TypeVar("_M", bound=Model)


class _RunFields(logging.Filter):
    """Every line says whose run it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; never drop a line."""
        record.schedule = os.environ.get(environment.RUN_SCHEDULE, "")
        record.version = os.environ.get(environment.RUN_NAME, "")
        record.run = os.environ.get(environment.RUN_UID, "")
        return True


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code; a failure leaves its last words."""
    parser = argparse.ArgumentParser(prog="clm_trainer", description=__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    name = parser.parse_args(arguments).command
    command = _COMMANDS[name]
    gc.set_threshold(*_SELDOM)
    logs.configure(json_lines=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_RunFields())
    stop = threading.Event()
    stop_on_sigterm(stop, GRACE_S)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait take no CPU
    compiled.lay_out()
    threads = 1 if name == environment.SIMULATE else thread_count()
    for variable in _THREAD_VARIABLES:  # before numpy is imported: its libraries read them once
        os.environ.setdefault(variable, str(threads))
    try:
        command(stop)
    except ClmError as error:
        return _failed(error)
    except Exception as error:
        LOG.exception("the run ended with an error that has no reason of its own")
        return _failed(ClmError(Reason.TRAINING_FAILED, f"{type(error).__name__}: {error}"))
    finally:
        _flush_logs()
    return 0


def stop_on_sigterm(stop: threading.Event, grace_s: float) -> None:
    """Set ``stop`` on SIGTERM; a run that then hangs, as in a slow request, is ended anyway.

    Nothing is lost by that: only the manifest, which is one write, makes a result.
    """

    def give_up() -> None:
        text = f"told to stop, and still busy {grace_s:g} s later; the run is retried"
        code = _failed(ClmError(Reason.INTERRUPTED, text))
        _flush_logs()
        os._exit(code)

    def handle(*_: object) -> None:
        stop.set()
        timer = threading.Timer(grace_s, give_up)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, handle)


def _train(stop: threading.Event) -> None:
    spec, champion = _told(RunSpec, environment.RUN_SPEC), None
    if environment.CHAMPION in os.environ:
        from clm_api.replay import Contender

        champion = _told(Contender, environment.CHAMPION)
    layout, attempt = _layout(), _needed(environment.ATTEMPT)
    version, host = _needed(environment.RUN_NAME), _host(stop, _asked())
    _keep_log(layout.log(attempt))
    from clm_trainer import pipeline

    who = pipeline.Identity(layout, version, attempt)
    manifest = pipeline.run(spec, who, host, champion)
    LOG.info("the result is %s", manifest, extra={"stage": "report"})


def _fetch(stop: threading.Event) -> None:
    """Fetch for the container after this one, and say what was asked."""
    noted, asked = Path(_needed(environment.FETCHED)), Asked()
    host = _host(stop, asked)
    if environment.RUN_SPEC in os.environ:
        spec = _told(RunSpec, environment.RUN_SPEC)
        layout, attempt = _layout(), _needed(environment.ATTEMPT)
        _keep_log(layout.log(attempt))
        from clm_trainer.stages.material import fetch_for

        fetch_for(spec, layout, attempt, host)
    elif environment.TASK_SHA256 in os.environ:
        _simulation(host).fetch(os.environ.get(environment.VARIANT), host)
    else:
        from clm_trainer.monitoring import fetching

        fetching.fetch_for(_task(), host)
    asked.write(noted)


def _layout() -> RunLayout:
    return RunLayout(
        _needed(environment.RUN_NAMESPACE),
        _needed(environment.RUN_SCHEDULE),
        _needed(environment.RUN_UID),
    )


def _asked() -> Asked:
    """Return what a container before this one asked; without one, this process asks itself."""
    path = os.environ.get(environment.FETCHED)
    return Asked.read(Path(path)) if path else Asked()


def _keep_log(path: str) -> None:
    """Keep all further lines in the store too."""
    store = Storage(_needed(environment.STORE_URL), patience_s=_PATIENCE_S, answer_s=_PATIENCE_S)
    kept = KeptLog(store, path, _lines_before(store, path))
    kept.addFilter(_RunFields())
    logging.getLogger().addHandler(kept)


def _lines_before(store: Storage, path: str) -> bytes:
    """Return what a container of this pod that worked before has logged; news, not result."""
    if environment.FETCHED not in os.environ:
        return b""
    try:
        return store.get(path) or b""
    except ClmError as error:
        LOG.warning("the log of the fetching container was not read: %s", error)
        return b""


def _flush_logs() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


def _replay(stop: threading.Event) -> None:
    task = _task()
    path = replay_report(
        _needed(environment.RUN_NAMESPACE),
        _needed(environment.RUN_SCHEDULE),
        _needed(environment.RUN_UID),
        slot_of(task.slot),
    )
    host = _host(stop, _asked())
    from clm_trainer.monitoring import job

    job.run(task, path, host)


def _simulate(stop: threading.Event) -> None:
    name, index, attempt = _needed(environment.VARIANT), _index(), _needed(environment.ATTEMPT)
    host = _host(stop, _asked())
    told = _simulation(host)
    _keep_log(told.layout.log(name, attempt))
    from clm_trainer.simulation import pod

    pod.train_slots(told, told.variant(name), index, host)


def _reduce(stop: threading.Event) -> None:
    attempt, host = _needed(environment.ATTEMPT), _host(stop, _asked())
    told = _simulation(host)
    _keep_log(told.layout.attempt_file(attempt, LOG_FILE))
    from clm_trainer.simulation.reduce import reduce

    LOG.info("the result is %s", reduce(told, attempt, host))


def _simulation(host: Host) -> "Told":
    from clm_trainer.simulation.told import Told

    layout = SimulationLayout(
        _needed(environment.RUN_NAMESPACE),
        _needed(environment.RUN_SCHEDULE),
        _needed(environment.RUN_UID),
    )
    return Told.read(host.store, layout, _needed(environment.TASK_SHA256))


def _index() -> int:
    said = _needed(environment.INDEX)
    if not said.isdecimal():
        text = f"environment variable {environment.INDEX} is {said!r}, not a pod's number"
        raise ClmError(Reason.SPEC_INVALID, text)
    return int(said)


def _task() -> "ReplayTask":
    from clm_api.replay import ReplayTask

    of_before = former.TASK in os.environ
    return _told(ReplayTask, former.TASK if of_before else environment.REPLAY_TASK)


def _host(stop: threading.Event, asked: Asked) -> Host:
    data = os.environ.get(environment.DATA_URL)
    return Host(
        store=Storage(_needed(environment.STORE_URL)),
        clock=lambda: datetime.now(UTC),
        should_stop=stop.is_set,
        elsewhere=Storage(data) if data else None,
        asked=asked,
    )


_COMMANDS = {
    "train": _train,
    "replay": _replay,
    environment.SIMULATE: _simulate,
    environment.REDUCE: _reduce,
    environment.FETCHER: _fetch,
    former.COMMAND: _replay,
}


def _needed(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ClmError(Reason.SPEC_INVALID, f"environment variable {name} is not set")
    return value


def _told(kind: type[_M], variable: str) -> _M:
    try:
        return kind.model_validate_json(_needed(variable))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise ClmError(
            Reason.SPEC_INVALID,
            f"{variable}: {field}: {first['msg']}; "
            "operator and trainer image may be of different versions",
        ) from error


def _failed(error: ClmError) -> int:
    LOG.error(error.message, extra={"reason": str(error.reason)})
    try:
        write_last_words(error)
    except OSError as problem:
        LOG.warning("the termination message was not written: %s", problem)
    return error.exit_code


def _end(code: int) -> NoReturn:
    """End at once: to free all memory object by object takes a tenth of a short run."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(main(sys.argv[1:]))
