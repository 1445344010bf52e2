"""Long work shows that it lives: a line every few seconds, whatever the program itself says."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

EVERY_S = 8.0
_KEPT_LINES = 200
_WIDTH = 90


@dataclass
class Said:
    """What a program has said so far: how many lines, and the newest of them."""

    lines: deque[str]
    count: int = 0

    def add(self, line: str) -> None:
        """Keep a line that is not empty."""
        if line := line.strip():
            self.lines.append(line)
            self.count += 1

    @property
    def last(self) -> str:
        """The newest line, cut to a line of a terminal."""
        return self.lines[-1][:_WIDTH] if self.lines else "at work"


@dataclass(frozen=True)
class Finished:
    """How a program ended, and its last words."""

    code: int
    words: str
    seconds: float


def newest_line(said: Said) -> str:
    """Return the newest line: the sign of life of most programs."""
    return said.last


def clock(seconds: float) -> str:
    """Return a duration as people write it."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def watched(
    command: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    life: Callable[[Said], str] = newest_line,
    every_s: float = EVERY_S,
    out: Callable[[str], None] = lambda line: print(line, flush=True),
) -> Finished:
    """Run a program to its end, quietly but for a sign of life every ``every_s`` seconds.

    Parameters
    ----------
    life
        Makes the sign out of what was said so far.
    """
    started = time.monotonic()
    said = Said(deque(maxlen=_KEPT_LINES))
    process = subprocess.Popen(
        [str(word) for word in command],
        env=env, cwd=cwd, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, said), daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = process.wait(timeout=every_s)
                break
            except subprocess.TimeoutExpired:
                out(f"    {clock(time.monotonic() - started):>12}  {life(said)}")
    except BaseException:
        process.terminate()
        process.wait()
        raise
    reader.join(timeout=2)  # a child that lives on may hold the pipe open
    return Finished(code, "\n".join(said.lines), time.monotonic() - started)


def insist(command: Sequence[object], **options: object) -> None:
    """Run a program to success, watched; end this one with its last words otherwise."""
    done = watched(command, **options)  # type: ignore[arg-type]
    if done.code:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.words[-3000:]}")


def _read(pipe: IO[str], said: Said) -> None:
    with pipe:
        for line in pipe:
            said.add(line)
