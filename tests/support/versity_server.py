"""A real Versity S3 gateway, which stores objects as files of a folder."""

from dataclasses import dataclass

from tests.support.store_server import ACCESS_KEY, SECRET_KEY, StoreServer


@dataclass
class VersityServer(StoreServer):
    """The gateway on one folder; it lends no keys."""

    program = "versitygw"
    health = "/health"

    def command(self) -> list[str]:
        """Return variables, then the program and its arguments."""
        root = [f"ROOT_ACCESS_KEY={ACCESS_KEY}", f"ROOT_SECRET_KEY={SECRET_KEY}"]
        serve = ["versitygw", "--port", f"127.0.0.1:{self.port}", "--health", self.health]
        return [*root, *serve, "--quiet", "posix", str(self.folder / "data")]
