"""Commands of the demo: quiet when they succeed, with their words when they don't."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from tools.demo import settings

_ENVIRONMENT = dict(os.environ)


def use(lines: str) -> None:
    """Take over ``export KEY=value`` lines."""
    for line in lines.splitlines():
        key, _, value = line.removeprefix("export ").partition("=")
        _ENVIRONMENT[key] = value.replace("$PATH", _ENVIRONMENT["PATH"])


def fail(message: str) -> NoReturn:
    """End the demo with what is missing and how to get it."""
    sys.exit(f"demo: {message}")


def run(*command: object, **extra: str) -> str:
    """Run a command to success and return its output."""
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
def step(title: str) -> Iterator[None]:
    """Print a step's title and how long it took."""
    print(f"{title:<46} ", end="", flush=True)
    started = time.monotonic()
    yield
    print(f"{time.monotonic() - started:6.1f} s", flush=True)


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
