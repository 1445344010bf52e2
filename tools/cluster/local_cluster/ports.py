"""The ports that the components listen on, and who else holds one of them."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from local_cluster import paths
from local_cluster.components import PROCESSES

_HOME = "127.0.0.1"
LISTENS = {
    "etcd": ((_HOME, 23790), (_HOME, 23800)),
    "kube-apiserver": ((paths.NODE_IP, 6443),),
    "kube-controller-manager": ((_HOME, 10257),),
    "kube-scheduler": ((_HOME, 10259),),
    "kubelet": ((_HOME, 10248), (paths.NODE_IP, 10250)),
    "kube-proxy": ((_HOME, 10249), (_HOME, 10256)),
    "coredns": ((paths.NODE_IP, 53), (_HOME, 8054)),
}
"""Component -> addresses and ports."""
_LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True)
class Listener:
    """A socket that somebody listens on."""

    address: str
    port: int
    inode: str

    def takes(self, address: str, port: int) -> bool:
        """Whether nobody else can listen there."""
        return self.port == port and self.address in {address, "0.0.0.0", "::"}


def listeners() -> list[Listener]:
    """Return every TCP socket of this machine that is listened on."""
    rows = [row.split() for table in _TABLES if table.exists() for row in _rows(table)]
    return [Listener(*_parsed(fields[1]), fields[9]) for fields in rows if fields[3] == _LISTENING]


def _rows(table: Path) -> list[str]:
    return table.read_text().splitlines()[1:]


def _parsed(field: str) -> tuple[str, int]:
    """Read ``0100007F:1F90``: words of the address in the machine's order, then the port."""
    digits, port = field.split(":")
    words = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def taken() -> list[str]:
    """Return a sentence for each port that a component needs and something else has."""
    found = listeners()
    said = []
    for component, addresses in LISTENS.items():
        if PROCESSES.pid(component):
            continue
        for address, port in addresses:
            holder = next((one for one in found if one.takes(address, port)), None)
            if holder is not None:
                said.append(
                    f"port {port}, which {component} needs, is in use by {_owner(holder.inode)}: "
                    "stop it (another Kubernetes?), or set DEMO_CONTEXT to use that cluster"
                )
    return said


def _owner(inode: str) -> str:
    """Return the process that holds a socket, as far as it may be seen."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                process = link.parents[1]
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # it ended, or is somebody else's
    return "another program"
