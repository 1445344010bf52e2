"""A bucket of the real MinIO with bars in it, behind a proxy that refuses writes on command."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.support.minio_server import MinioServer
from tests.support.proxy import Proxy, Seen, Verdict


@dataclass
class Bucket:
    """``refused`` maps the start of a key to the status that writing it gets."""

    minio: MinioServer
    name: str
    bars: Path
    """A folder store."""
    refused: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = self.minio.make_bucket(self.name)
        for path in self.bars.rglob("*.parquet"):
            key = str(path.relative_to(self.bars))
            self.minio.client.fput_object(
                bucket_name=self.name, object_name=key, file_path=str(path)
            )
        self.proxy = Proxy(self.minio.endpoint, judge=self._judge)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to reach it through the proxy."""
        return self.minio.environment(self.proxy.url)

    @property
    def keys(self) -> list[str]:
        """What lies in it."""
        return self.minio.keys(self.name)

    @property
    def written(self) -> list[str]:
        """Keys that somebody tried to write through the proxy, in order."""
        return [self._key(seen) for seen in self.proxy.seen if seen.method == "PUT"]

    def close(self) -> None:
        """End the proxy."""
        self.proxy.stop()

    def _key(self, seen: Seen) -> str:
        return seen.path.removeprefix(f"/{self.name}/")

    def _judge(self, seen: Seen) -> Verdict | int:
        key = self._key(seen)
        refusals = (code for start, code in self.refused.items() if key.startswith(start))
        return next(refusals, Verdict.PASS) if seen.method == "PUT" else Verdict.PASS
