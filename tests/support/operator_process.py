"""The real operator as a process of its own."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clm_operator.edge.leader import POD_VARIABLE, UID_VARIABLE
from tests.support.ports import eventually, free_port


@dataclass
class OperatorProcess:
    """``python -m clm_operator`` with a configuration and a kubeconfig."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(
        cls,
        folder: Path,
        config: dict[str, Any],
        kubeconfig: Path,
        environment: dict[str, str],
        module: str = "clm_operator",
    ) -> "OperatorProcess":
        """Start it as a container of one and the same pod; wait until it has seen who leads."""
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        path, log = folder / f"config-{port}.yaml", folder / f"operator-{port}.log"
        path.write_text(yaml.safe_dump(config))
        env = os.environ | {POD_VARIABLE: "clm-operator-0", UID_VARIABLE: "0"} | environment
        env |= {"CLM_CONFIG": str(path), "CLM_HTTP_PORT": str(port), "KUBECONFIG": str(kubeconfig)}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module], env=env, stdout=out, stderr=out
            )
        operator = cls(process, port, log)
        eventually(lambda: operator.ended or operator.get("/readyz")[0] == 200, "operator ready")
        return operator

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP server; status 0 if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.terminate()
        return self.process.wait(30)
