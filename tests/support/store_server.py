"""A real S3 store on a free port: what all of them have in common."""

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Self

import urllib3
from minio import Minio

from local_cluster import binaries
from local_cluster.pki import Authority
from local_cluster.processes import Processes, answers
from tests.support.ports import free_port

ACCESS_KEY, SECRET_KEY = "clm-tests", "canary-7f3a9c51e2"
_ANY_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass
class StoreServer(ABC):
    """A running server; it keeps its address over a restart."""

    program: ClassVar[str]
    health: ClassVar[str]
    """Path that answers with 200 once it serves."""

    folder: Path
    port: int
    processes: Processes
    variables: dict[str, str] = field(default_factory=dict)
    authority: Authority | None = None
    """Who signed its certificate; None: it speaks plain HTTP."""

    @classmethod
    def start(
        cls,
        folder: Path,
        variables: dict[str, str] | None = None,
        authority: Authority | None = None,
    ) -> Self:
        """Start it, perhaps with more variables in its environment, or with a certificate."""
        binaries.build((cls.program,))
        for name in ("run", "logs", "data"):
            (folder / name).mkdir(parents=True)
        processes = Processes(folder / "run", folder / "logs", folder)
        server = cls(folder, free_port(), processes, variables or {}, authority)
        server.resume()
        return server

    @abstractmethod
    def command(self) -> list[str]:
        """Return variables, then the program and its arguments."""

    def resume(self) -> None:
        """Start the process, again or for the first time."""
        others = [f"{name}={value}" for name, value in self.variables.items()]
        self.processes.start(self.program, ["env", *others, *self.command()])
        ca = self.authority.folder / "ca.crt" if self.authority else _ANY_CA
        ready = partial(answers, f"{self.endpoint}{self.health}", ca)
        self.processes.wait(self.program, ready)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """Return the variables by which a client finds it, perhaps through a proxy."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        if self.authority is None:
            return urllib3.PoolManager(timeout=10)
        return urllib3.PoolManager(timeout=10, ca_certs=str(self.authority.folder / "ca.crt"))

    @cached_property
    def client(self) -> Minio:
        """An administrator's client."""
        return Minio(
            f"127.0.0.1:{self.port}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            secure=self.authority is not None,
            http_client=self._pool,
        )

    def make_bucket(self, name: str) -> str:
        """Create a bucket unless it is there and return its URL."""
        if not self.client.bucket_exists(bucket_name=name):
            self.client.make_bucket(bucket_name=name)
        return f"s3://{name}"

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return all object names below a prefix."""
        found = self.client.list_objects(bucket_name=bucket, prefix=prefix, recursive=True)
        return sorted(str(item.object_name) for item in found)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        self.client.put_object(
            bucket_name=bucket, object_name=key, data=io.BytesIO(content), length=len(content)
        )

    def read(self, bucket: str, key: str) -> bytes:
        """Return an object's content."""
        response = self.client.get_object(bucket_name=bucket, object_name=key)
        try:
            return bytes(response.read())
        finally:
            response.close()
            response.release_conn()

    def stop(self) -> None:
        """End the process; data stay."""
        self.processes.stop(self.program)

    def close(self) -> None:
        """End the process and the client's connections."""
        self.stop()
        self._pool.clear()
