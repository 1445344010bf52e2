"""How long an operator's event loop lets others wait."""

import http.client
import threading
import time

_LOOK_S = 0.25


class Lag:
    """Asks for nothing four times a second and keeps the longest wait for the answer."""

    def __init__(self, port: int) -> None:
        self._port, self._ended = port, threading.Event()
        self.longest_s = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._ended.wait(_LOOK_S):
            began = time.monotonic()
            try:
                link.request("HEAD", "/nothing-here")
                link.getresponse().read()
            except (OSError, http.client.HTTPException):
                link.close()
            self.longest_s = max(self.longest_s, time.monotonic() - began)
        link.close()

    def end(self) -> float:
        """Stop looking; return the longest wait in seconds."""
        self._ended.set()
        self._thread.join()
        return round(self.longest_s, 3)
