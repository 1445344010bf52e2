"""The log of a run, kept in the store: it outlives the pod, however that ends."""

import json
import logging
import threading
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from clm_api.logs import JsonFormatter

INTERVAL_S = 15.0
"""A pod that is killed loses the lines of so long."""
MOST_BYTES = 512 << 10
"""Bytes that are kept of the beginning, and again of the end."""


class Writable(Protocol):
    """What a log needs of a store."""

    def put(self, path: str, content: bytes) -> None:
        """Write an object."""


class KeptLog(logging.Handler):
    """Writes all lines so far as one object: every 15 s if there are new ones, and when flushed.

    A long log keeps its beginning and its end. A store that is away costs lines, never the run.

    Parameters
    ----------
    store
        Asked for seconds at most: whoever flushes waits for it.
    path
        The object to overwrite.
    before
        What stands in it already and stays.
    """

    def __init__(self, store: Writable, path: str, before: bytes = b"") -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._store, self._path = store, path
        self._head = [before[:MOST_BYTES]]
        self._tail: deque[bytes] = deque()
        self._head_bytes, self._tail_bytes, self._left_out = len(self._head[0]), 0, 0
        self._written = self._lines = 0
        self._writing, self._complained = threading.Lock(), False
        self._ended = threading.Event()
        threading.Thread(target=self._keep_writing, name="kept-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        line = self.format(record).encode()[:MOST_BYTES] + b"\n"
        self._lines += 1
        if not self._tail and self._head_bytes + len(line) <= MOST_BYTES:
            self._head.append(line)
            self._head_bytes += len(line)
            return
        self._tail.append(line)
        self._tail_bytes += len(line)
        while self._tail_bytes > MOST_BYTES:
            self._tail_bytes -= len(self._tail.popleft())
            self._left_out += 1

    def flush(self) -> None:
        """Write what is new; say once that it can't be written."""
        with self._writing:
            with self.lock or threading.RLock():
                lines, content = self._lines, b"".join(self._content())
            if lines == self._written:
                return
            try:
                self._store.put(self._path, content)
                self._written = lines
            except Exception as error:  # noqa: BLE001 - the log is news, not result
                complained, self._complained = self._complained, True
                if not complained:
                    logging.getLogger(__name__).warning("the log was not stored: %s", error)

    def close(self) -> None:
        """Write a last time and end."""
        self._ended.set()
        self.flush()
        super().close()

    def _content(self) -> Iterable[bytes]:
        yield from self._head
        if self._left_out:
            yield json.dumps({"leftOut": f"{self._left_out} lines"}).encode() + b"\n"
        yield from self._tail

    def _keep_writing(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self.flush()
