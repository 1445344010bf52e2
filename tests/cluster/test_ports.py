"""A port that something else holds is named before anything is started."""

import os
import socket
from collections.abc import Iterator

import pytest

from local_cluster import host, ports
from local_cluster.components import PROCESSES


@pytest.fixture(autouse=True)
def _nothing_of_ours_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROCESSES, "pid", lambda _: None)


@pytest.fixture
def held() -> Iterator[int]:
    """A port on which this very process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_named_with_who_holds_it(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "LISTENS", {"kubelet": (("127.0.0.1", held),)})
    (said,) = ports.taken()
    assert said.startswith(f"port {held}, which kubelet needs, is in use by ")
    assert f"(pid {os.getpid()})" in said
    assert "stop it" in said


def test_a_port_of_ours_or_of_another_address_is_free(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "LISTENS", {"kubelet": (("10.244.0.1", held),)})
    assert ports.taken() == []
    monkeypatch.setattr(ports, "LISTENS", {"kubelet": (("127.0.0.1", held),)})
    monkeypatch.setattr(PROCESSES, "pid", lambda _: os.getpid())
    assert ports.taken() == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_socket_on_all_addresses_takes_the_port_on_each(address: str) -> None:
    assert ports.Listener(address, 6443, "1").takes("10.244.0.1", 6443)
    assert not ports.Listener(address, 6443, "1").takes("10.244.0.1", 6444)


def test_without_root_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert host.problems() == [
        "a cluster without Docker needs root: run as root (sudo), or start Docker"
    ]
