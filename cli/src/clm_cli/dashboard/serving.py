"""Serves the pages on this machine alone, until it is interrupted."""

import os
import signal
import socket
import tempfile
import threading
import webbrowser
from pathlib import Path
from types import FrameType

import uvicorn

from clm_api.errors import SpecError
from clm_cli.dashboard.guard import Guard
from clm_cli.dashboard.live import Live

HOST = "127.0.0.1"
_PATIENCE_S = 2
_OPENED_S = 60.0
"""A browser has read the file that leads it here by then."""
_LEADING = '<!doctype html><meta http-equiv="refresh" content="0; url={address}">'


def bound(port: int) -> socket.socket:
    """Return a socket that listens on a port, on any free one for 0.

    Raises
    ------
    SpecError
        Something else listens there, or nobody may.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        why = f"{HOST}:{port} can't be used: {error.strerror}; 0 takes a free port"
        raise SpecError("--port", why) from error
    return listener


class _Server(uvicorn.Server):
    """Ends the streams of open pages when it is told to end: they would last for ever."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._live.close()
        super().handle_exit(sig, frame)


def serve(guard: Guard, live: Live, listener: socket.socket) -> None:
    """Answer until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        guard,
        http="h11",
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    for one in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises what it got again at its end
        signal.signal(one, signal.SIG_IGN)
    _Server(config, live).run(sockets=[listener])


def open_browser(address: str) -> None:
    """Lead a browser to an address without showing it to other people.

    Everybody on the machine may read the arguments of a browser's process: it is given a file
    that only its owner may read.
    """
    folder = Path(tempfile.mkdtemp(prefix="clm-"))
    path = folder / "dashboard.html"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_LEADING.format(address=address))

    def remove() -> None:
        path.unlink(missing_ok=True)
        folder.rmdir()

    webbrowser.open(path.as_uri())
    timer = threading.Timer(_OPENED_S, remove)
    timer.daemon = True
    timer.start()
