"""``clm dashboard`` as a process: it serves this machine, prints its address, and ends cleanly."""

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import pytest

from clm_cli.dashboard import serving
from tests.cli.dashboard.served import nowhere

COMMAND = [sys.executable, "-m", "clm_cli", "dashboard"]


@contextmanager
def running(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*COMMAND, *options], env=os.environ | {"KUBECONFIG": str(nowhere(folder))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_ends_when_told_to(sent: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path) as process:
        assert process.stdout is not None
        url = urlparse(process.stdout.readline().strip())
        assert re.fullmatch(r"127\.0\.0\.1:\d+", url.netloc)
        assert re.fullmatch(r"token=[\w-]{43}", url.query)
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert url.query.removeprefix("token=") not in arguments
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        connection.request("GET", f"/?{url.query}")
        cookie = str(connection.getresponse().getheader("set-cookie")).partition(";")[0]
        connection.close()
        stream = http.client.HTTPConnection(url.netloc, timeout=20)
        stream.request("GET", "/events?topic=schedules", headers={"cookie": cookie})
        stream.getresponse().readline()  # a page stays open
        process.send_signal(sent)
        out, err = process.communicate(timeout=20)
        stream.close()
    assert (process.returncode, out, err) == (0, "", "")


def refused(folder: Path, *options: str, before: str = "pass") -> tuple[int, str]:
    code = f"import sys; {before}; from clm_cli.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "dashboard", *options], check=False, timeout=60,
        env=os.environ | {"KUBECONFIG": str(nowhere(folder))}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(tmp_path, "--port", str(port))
    assert code == 64
    assert f"--port: 127.0.0.1:{port} can't be used: Address already in use" in said


def test_one_namespace_or_all(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "-A", "-n", "trading")
    assert (code, "give it or --namespace, not both" in said) == (64, True)


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    code, said = refused(tmp_path, before="sys.modules['starlette'] = None")
    assert (code, "pip install 'clm-cli[dashboard]'" in said) == (1, True)


def test_a_missing_kubeconfig_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = refused(tmp_path, before="import os; os.environ['KUBECONFIG'] = '/nowhere'")
    assert (code, "no usable kubeconfig" in said) == (1, True)


def test_the_browser_is_led_by_a_file_that_nobody_else_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(serving, "_OPENED_S", 3600.0)
    serving.open_browser("http://127.0.0.1:1/?token=secret")
    (path,) = tmp_path.iterdir()
    assert opened == [path.as_uri()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert 'url=http://127.0.0.1:1/?token=secret"' in path.read_text()
