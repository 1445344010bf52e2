"""A real NATS server with JetStream."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from local_cluster import binaries
from local_cluster.processes import Processes, answers
from tests.support.ports import free_port

_PROGRAM = "nats-server"
_ANY_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass
class NatsServer:
    """A running server; it keeps its address and its streams over a restart."""

    folder: Path
    port: int
    health_port: int
    processes: Processes

    @classmethod
    def start(cls, folder: Path, config: str = "") -> Self:
        """Start it.

        Parameters
        ----------
        config
            More lines of its configuration: users, certificates.
        """
        binaries.build((_PROGRAM,))
        for name in ("run", "logs"):
            (folder / name).mkdir(parents=True)
        port, health_port = free_port(), free_port()
        lines = [
            f"listen: 127.0.0.1:{port}",
            f"http: 127.0.0.1:{health_port}",
            f'jetstream {{ store_dir: "{folder / "data"}" }}',
            config,
        ]
        (folder / "nats.conf").write_text("\n".join(lines))
        processes = Processes(folder / "run", folder / "logs", folder)
        server = cls(folder, port, health_port, processes)
        server.resume()
        return server

    def resume(self) -> None:
        """Start the process, again or for the first time."""
        self.processes.start(_PROGRAM, [_PROGRAM, "--config", self.folder / "nats.conf"])
        health = f"http://127.0.0.1:{self.health_port}/healthz"
        self.processes.wait(_PROGRAM, partial(answers, health, _ANY_CA))

    @property
    def url(self) -> str:
        """Its address."""
        return f"nats://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the process; streams stay."""
        self.processes.stop(_PROGRAM)
