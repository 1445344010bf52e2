"""Many versions at once: one process per core, one thread per process."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.synchronize import Event

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.variables import restored
from clm_trainer.families.base import interrupted
from clm_trainer.simulation.work import Work

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Variables that numeric libraries read once, when they are imported."""
_LOOK_S = 0.2
"""How often the end is looked for while versions are trained."""
Keep = Callable[[datetime, bytes], None]
ShouldStop = Callable[[], bool]


def train_all(
    work: Work,
    slots: Sequence[datetime],
    workers: int,
    keep: Keep,
    should_stop: ShouldStop = lambda: False,
) -> None:
    """Train the versions of slots.

    Parameters
    ----------
    workers
        Processes; with 1 it is this one, which then must have been started with ``ONE_THREAD``.
    keep
        Called in this process with each slot and its finished file, in any order.

    Raises
    ------
    ClmError
        Interrupted; what ``keep`` and ``past_version`` raise.
    """
    if workers > 1 and slots:
        _train_beside(work, slots, workers, keep, should_stop)
        return
    for slot in slots:
        _go_on(should_stop)
        keep(slot, work.train(slot, should_stop))


def _train_beside(
    work: Work, slots: Sequence[datetime], workers: int, keep: Keep, should_stop: ShouldStop
) -> None:
    # A forked process would inherit locks of the libraries' threads.
    context = multiprocessing.get_context("spawn")
    end, count = context.Event(), min(workers, len(slots))
    with (
        _environment(ONE_THREAD),
        ProcessPoolExecutor(count, context, initializer=_adopt, initargs=(work, end)) as pool,
    ):
        waiting = {pool.submit(_train, slot): slot for slot in slots}
        try:
            while waiting:
                _go_on(should_stop)
                done, _ = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    keep(waiting.pop(future), _made(future))
        except BaseException:
            end.set()
            pool.shutdown(cancel_futures=True)
            raise


def _go_on(should_stop: ShouldStop) -> None:
    if should_stop():
        raise interrupted()


def _made(future: "Future[bytes | tuple[Reason, str]]") -> bytes:
    """Return a file, or raise the error that came out of a worker in parts."""
    found = future.result()
    if isinstance(found, bytes):
        return found
    raise ClmError(*found)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started inside."""
    with restored(variables):
        os.environ.update(variables)
        yield


_adopted: list[tuple[Work, Event]] = []
"""The work of a worker process, and what ends it; empty everywhere else."""


def _adopt(work: Work, end: Event) -> None:
    _adopted.append((work, end))
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()


def _end_with_parent() -> None:
    """End when the process is gone that wants the versions: killed, it can't say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train(slot: datetime) -> bytes | tuple[Reason, str]:
    work, end = _adopted[0]
    try:
        return work.train(slot, end.is_set)
    except ClmError as error:
        return error.reason, error.message
