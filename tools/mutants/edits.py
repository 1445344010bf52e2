"""A copy of the repository, and guards taken out of it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.mutants.guards import Guard


class LostGuardError(Exception):
    """A guard is not where its row says."""


def without(guard: Guard, source: str) -> str:
    """Return the source without the guard.

    Raises
    ------
    LostGuardError
        Its text is not there exactly once.
    """
    times = source.count(guard.text)
    if times != 1:
        raise LostGuardError(
            f"{guard.path}: the text of the guard is there {times} times: mend its row in "
            f"tools/mutants/guards.py ({guard.name})"
        )
    return source.replace(guard.text, guard.instead)


def copied(root: Path, folder: Path) -> None:
    """Copy the files of a checkout that git knows, as they are now."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


@contextmanager
def removed(guard: Guard, folder: Path) -> Iterator[None]:
    """Take a guard out of a copy while a block runs."""
    path = folder / guard.path
    whole = path.read_text()
    path.write_text(without(guard, whole))
    try:
        yield
    finally:
        path.write_text(whole)
