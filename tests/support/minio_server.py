"""A real MinIO server."""

import shutil
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
        serve = ["minio", "server", "--address", f"127.0.0.1:{self.port}", *self._certificate()]
        return [*root, "MINIO_BROWSER=off", *serve, str(self.folder / "data")]

    def _certificate(self) -> list[str]:
        if self.authority is None:
            return []
        self.authority.certificate("minio", "/CN=minio", "serverAuth", ("IP:127.0.0.1",))
        folder = self.folder / "certs"
        folder.mkdir(exist_ok=True)
        for made, wanted in (("minio.crt", "public.crt"), ("minio.key", "private.key")):
            shutil.copy(self.authority.folder / made, folder / wanted)
        return ["--certs-dir", str(folder)]
