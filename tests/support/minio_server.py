"""A real MinIO server."""

from dataclasses import dataclass

from tests.support.store_server import ACCESS_KEY, SECRET_KEY, StoreServer


@dataclass
class MinioServer(StoreServer):
    """MinIO on one folder."""

    program = "minio"
    health = "/minio/health/ready"

    def command(self) -> list[str]:
        """Return variables, then the program and its arguments."""
        root = [f"MINIO_ROOT_USER={ACCESS_KEY}", f"MINIO_ROOT_PASSWORD={SECRET_KEY}"]
        serve = ["minio", "server", "--address", f"127.0.0.1:{self.port}"]
        return [*root, "MINIO_BROWSER=off", *serve, str(self.folder / "data")]
