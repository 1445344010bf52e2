"""Commands of the demo: a sign of life while they work, their words when they fail."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from local_cluster.alive import newest_line, watched
from tools.demo import settings

_ENVIRONMENT = dict(os.environ)
_FULL_BYTES = 200e6


def use(lines: str) -> None:
    """Take over ``export KEY=value`` lines."""
    for line in lines.splitlines():
        key, _, value = line.removeprefix("export ").partition("=")
        _ENVIRONMENT[key] = value.replace("$PATH", _ENVIRONMENT["PATH"])


def fail(message: str) -> NoReturn:
    """End the demo with what is missing and how to get it."""
    free = shutil.disk_usage(settings.REPOSITORY).free
    if free < _FULL_BYTES or "No space left" in message:
        message += (
            f"\nthe disk is full ({free / 1e6:.0f} MB left): free some, or set CLM_CACHE, GOCACHE "
            "and CLUSTER_DIR to folders on another disk; then make demo goes on where it was"
        )
    sys.exit(f"demo: {message}")


def run(*command: object, **extra: str) -> str:
    """Run a short command to success and return its output."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words,
        env=_ENVIRONMENT | extra,
        text=True,
        capture_output=True,
        cwd=settings.REPOSITORY,
        check=False,
    )
    if result.returncode:
        fail(f"`{' '.join(words)}` failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def work(
    title: str,
    *command: object,
    env: Mapping[str, str] | None = None,
    look: Callable[[], str] | None = None,
) -> None:
    """Run a long command to success: its title, a sign of life every few seconds, its time.

    Parameters
    ----------
    look
        Says how far it is, for a command that does not; without it, its newest line.
    """
    print(title, flush=True)
    life = newest_line if look is None else lambda _: look()
    done = watched(command, env=_ENVIRONMENT | dict(env or {}), cwd=settings.REPOSITORY, life=life)
    if done.code:
        seen = "" if look is None else f"\n{look()}"
        fail(f"`{' '.join(map(str, command))}` failed:\n{done.words[-3000:]}{seen}")
    print(f"  done in {done.seconds:.0f} s", flush=True)


def show(*command: object, **extra: str) -> None:
    """Run a command to success and let it print."""
    words = [str(word) for word in command]
    result = subprocess.run(words, env=_ENVIRONMENT | extra, cwd=settings.REPOSITORY, check=False)
    if result.returncode:
        fail(f"`{' '.join(words)}` failed, see above")


def kubectl(*arguments: object) -> str:
    """Run kubectl in the demo's namespace."""
    context = ["--context", settings.DEMO_CONTEXT] if settings.DEMO_CONTEXT else []
    return run("kubectl", *context, "-n", settings.NAMESPACE, *arguments)


@contextmanager
def forwarded(service: str, port: int) -> Iterator[str]:
    """Forward a service's port to this machine while the block runs; yield its address."""
    context = ["--context", settings.DEMO_CONTEXT] if settings.DEMO_CONTEXT else []
    command = ["kubectl", *context, "-n", settings.NAMESPACE]
    command += ["port-forward", "--address", "127.0.0.1", f"service/{service}", f":{port}"]
    process = subprocess.Popen(command, env=_ENVIRONMENT, text=True, stdout=subprocess.PIPE)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if "Forwarding from" not in line:
            fail(f"`{' '.join(command)}` did not start: is the pod running?")
        local = line.split("->")[0].rsplit(":", 1)[1].strip()
        yield f"http://127.0.0.1:{local}"
    finally:
        process.terminate()
        process.wait()


class Pulse:
    """Prints what changed at once, and the same again when nothing did for a while."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._shown: dict[str, str] = {}
        self._spoke = time.monotonic()

    def tell(self, name: str, line: str) -> None:
        """Print the line of a name unless it is the last one and not old."""
        old = time.monotonic() - self._spoke > self._every_s
        if old or self._shown.get(name) != line:
            self._shown[name] = line
            self._spoke = time.monotonic()
            print(f"  {name:<18} {line}", flush=True)
