"""Running other programs: to success, or with an allowed failure."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from local_cluster import binaries, paths

STARTED = time.monotonic()


def search_path() -> str:
    """Return PATH with the built binaries first."""
    return ":".join([*binaries.folders(), os.environ["PATH"], "/usr/sbin", "/sbin"])


def environment() -> dict[str, str]:
    """Return the environment of all commands: our binaries, our cluster."""
    return dict(os.environ, PATH=search_path(), KUBECONFIG=str(paths.KUBECONFIGS / "admin"))


def run(*command: object, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Run a command to success and return its output; exit with its words otherwise."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words, env=environment(), text=True, capture_output=True, input=stdin, cwd=cwd, check=False
    )
    if result.returncode:
        sys.exit(f"cluster: {' '.join(words)}\n{result.stdout}{result.stderr}")
    return result.stdout


def attempt(*command: object) -> str | None:
    """Run a command that may fail; return its output, or None where it failed."""
    result = subprocess.run(
        [str(word) for word in command],
        env=environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    return None if result.returncode else result.stdout


def stream(*command: object) -> None:
    """Run a command to success and let it print."""
    words = [str(word) for word in command]
    if subprocess.run(words, env=environment(), check=False).returncode:
        sys.exit(f"cluster: failed: {' '.join(words)}")


def kubectl(*arguments: object) -> str:
    """Run kubectl against this cluster."""
    return run("kubectl", *arguments)


def say(message: str) -> None:
    """Print a line with the time since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f}s] {message}", flush=True)


def lines(text: str | None) -> Iterable[str]:
    """Return the lines of an output that may be missing."""
    return (text or "").split()
