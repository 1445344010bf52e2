"""Component processes: started once, known by pid and start time, ended only if they are ours."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from local_cluster.shell import environment

_TERM_PATIENCE_S = 10


def start_time(pid: int) -> str | None:
    """Return a pid's start in clock ticks since boot: tells a process from a later one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


class Processes:
    """Background processes with their records and logs in two folders."""

    def __init__(self, records: Path, logs: Path, cwd: Path) -> None:
        self.records, self.logs, self.cwd = records, logs, cwd
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def pid(self, name: str) -> int | None:
        """Return the pid of a component that was started here and still runs."""
        record = self.records / f"{name}.json"
        if not record.exists():
            return None
        process = json.loads(record.read_text())
        began = start_time(process["pid"])
        return int(process["pid"]) if began and began == process["start"] else None

    def start(self, name: str, command: Sequence[object]) -> None:
        """Start a component unless it runs."""
        if self.pid(name):
            return
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=environment(),
                cwd=self.cwd,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._children[name] = process
        record = {"pid": process.pid, "start": start_time(process.pid)}
        (self.records / f"{name}.json").write_text(json.dumps(record))

    def stop(self, name: str) -> None:
        """End a component, gently first, and forget it."""
        pid = self.pid(name)
        if pid:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _TERM_PATIENCE_S
            while self.pid(name):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
        if name in self._children:
            self._children.pop(name).wait()
        (self.records / f"{name}.json").unlink(missing_ok=True)

    def wait(self, name: str, healthy: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until a component is healthy; end the program with its last lines otherwise."""
        deadline = time.monotonic() + seconds
        while not healthy():
            if not self.pid(name) or time.monotonic() > deadline:
                log = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-20:]
                text = "\n".join([f"cluster: {name} is not healthy; its last lines:", *log])
                sys.exit(text)
            time.sleep(0.1)


def answers(address: str, ca: Path) -> bool:
    """Whether an address answers with 200."""
    context = ssl.create_default_context(cafile=str(ca))
    if address.startswith(("https://127.0.0.1:10257", "https://127.0.0.1:10259")):
        # These two serve a certificate of their own.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
