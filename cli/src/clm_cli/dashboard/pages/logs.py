"""The trainer's log as a page shows it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_LINES = 500
"""The newest lines that a page shows: a debug log can be long."""


@dataclass(frozen=True)
class Line:
    """A line of a log; one that is not the trainer's has a message alone."""

    time: str
    level: str
    stage: str
    message: str


def lines(content: bytes) -> Sequence[Line]:
    """Return the newest lines of a log, the oldest of them first."""
    return [_line(text) for text in content.decode(errors="replace").splitlines()[-MOST_LINES:]]


def _line(text: str) -> Line:
    try:
        said = json.loads(text)
        time = datetime.fromisoformat(said["time"]).astimezone()
        message, stage = str(said["message"]), str(said.get("stage", ""))
        level, reason = str(said["level"]), said.get("reason")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Line("", "", "", text)
    words = f"{reason}: {message}" if reason else message
    if exception := said.get("exception"):
        words += f"\n{exception}"
    return Line(f"{time:%Y-%m-%d %H:%M:%S}", level, stage, words)
