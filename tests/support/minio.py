"""A real MinIO server for a test session, from the pinned Go module."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minio import Minio

from local_cluster import binaries

USER, PASSWORD = "root-of-tests", "password-of-tests"
_PATIENCE_S = 30


@dataclass(frozen=True)
class MinioServer:
    """A running server; buckets are made on demand."""

    address: str

    def environment(self) -> dict[str, str]:
        """Return what a pod's Secret would say."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_REGION": "us-east-1",
        }

    def bucket(self, name: str) -> str:
        """Make a bucket and return its URL."""
        client = Minio(self.address, USER, PASSWORD, secure=False)
        if not client.bucket_exists(bucket_name=name):
            client.make_bucket(bucket_name=name)
        return f"s3://{name}"


@contextmanager
def minio_server(folder: Path) -> Iterator[MinioServer]:
    """Run a server on a free port; it is built first if it has to be."""
    program = shutil.which("minio")
    if program is None:
        binaries.build(("minio",))
        program = str(binaries.program("minio"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [program, "server", str(folder / "data"), "--address", address, "--quiet"],
        env={
            **os.environ,
            "MINIO_ROOT_USER": USER,
            "MINIO_ROOT_PASSWORD": PASSWORD,
            "MINIO_BROWSER": "off",
            "HOME": str(folder),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(address, process)
        yield MinioServer(address)
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE_S)


def _wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"MinIO ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://{address}/minio/health/live", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError("MinIO does not become healthy")
