"""The world's clock is the machine's, moved ahead in jumps; the operator's may be wrong besides."""

import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path

_TIME = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_SLACK = timedelta(minutes=5)


def instant(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def stamp(at: datetime) -> str:
    """Write a time as Kubernetes does."""
    return at.strftime(_FORMAT)


class Hours:
    """What time it is.

    The API server and the Job controller live on the machine's clock. ``moved`` gives the times
    that they write as the world's: all times of the world lie ahead of the machine's.

    Parameters
    ----------
    path
        File from which the operator reads how many seconds its clock is ahead of the machine's.
    start
        When the world begins.
    """

    def __init__(self, path: Path, start: datetime) -> None:
        self._path, self._began = path, datetime.now(UTC) - _SLACK
        self._seconds: list[datetime] = [self._began]
        self._ahead: list[timedelta] = [start - datetime.now(UTC)]
        self._wrong = timedelta(0)
        self._write()

    def now(self) -> datetime:
        """The world's time."""
        return datetime.now(UTC) + self._ahead[-1]

    def jump(self, to: datetime) -> None:
        """Move the world's clock; nothing was made in the second that runs."""
        real = datetime.now(UTC)
        if to <= real + self._ahead[-1]:
            return
        self._ahead.append(to - real)
        self._seconds.append(real.replace(microsecond=0))
        self._write()

    def mislead(self, by: timedelta) -> None:
        """Set the operator's clock wrong."""
        self._wrong = by
        self._write()

    def set_right(self) -> None:
        """Set the operator's clock right."""
        self.mislead(timedelta(0))

    @property
    def is_right(self) -> bool:
        """Whether the operator's clock is."""
        return not self._wrong

    def of(self, real: datetime) -> datetime:
        """The world's time at a time of the machine, which is given in whole seconds."""
        return real + self._ahead[bisect_right(self._seconds, real) - 1]

    def moved(self, text: bytes) -> bytes:
        """Return a text with the machine's times as the world's; others stay."""
        return _TIME.sub(self._moved, text)

    def _moved(self, found: re.Match[bytes]) -> bytes:
        real = instant(found[0].decode())
        if not self._began <= real <= datetime.now(UTC) + _SLACK:
            return found[0]
        return stamp(self.of(real)).encode()

    def _write(self) -> None:
        ahead = self._ahead[-1] + self._wrong
        new = self._path.with_suffix(".new")
        new.write_text(str(ahead.total_seconds()))
        new.replace(self._path)
