"""Functions run in processes of their own, which share nothing with the test's but a store."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

_LOADED = ["clm_trainer.stages.fetch", "clm_trainer.sources.update"]


@cache
def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def start(function: Callable[..., object], *arguments: object, **variables: str) -> Any:
    """Start a function of a module in a new process, with environment variables.

    Returns
    -------
    ForkServerProcess
        To be joined or killed.
    """
    process: ForkServerProcess = _context().Process(
        target=_run, args=(dict(os.environ) | variables, function, arguments)
    )
    process.start()
    return process


def _run(
    variables: Mapping[str, str], function: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    os.environ.clear()
    os.environ.update(variables)
    function(*arguments)
