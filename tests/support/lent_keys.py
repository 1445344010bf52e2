"""Keys that a real MinIO lends, and clients that use them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider

from clm_operator.jobs.access import Access
from clm_operator.jobs.credentials import SHORTEST_S, Credentials
from clm_operator.settings import StoreSettings
from clm_operator.store.lender import Lender
from tests.support.minio_server import MinioServer


@contextmanager
def variables(values: dict[str, str]) -> Iterator[None]:
    """Set the process's AWS_ variables to these, and no others, for a while."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with mock.patch.dict(os.environ, others | values, clear=True):
        yield


def settings(minio: MinioServer, url: str) -> StoreSettings:
    """Return the operator's settings for a bucket of a server."""
    values = {"url": url, "endpoint": minio.endpoint, "secretName": "unused"}
    return StoreSettings.model_validate(values | {"credentials": "PerRun"})


def lend(
    minio: MinioServer, url: str, forms: Sequence[Access], seconds: int = SHORTEST_S
) -> Credentials:
    """Borrow keys as the operator does."""
    with variables(minio.environment()):
        return Lender(settings(minio, url)).lend(forms, seconds)


@dataclass(frozen=True)
class Holder:
    """Somebody with keys, and what the keys can be tried on."""

    minio: MinioServer
    keys: Credentials
    pool: urllib3.PoolManager

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a pod gets."""
        return {
            "AWS_ENDPOINT_URL": self.minio.endpoint,
            "AWS_ACCESS_KEY_ID": self.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
        } | ({"AWS_SESSION_TOKEN": self.keys.session_token} if self.keys.session_token else {})

    @property
    def client(self) -> Minio:
        """Return a client for objects."""
        return Minio(
            self.minio.endpoint.removeprefix("http://"),
            access_key=self.keys.access_key,
            secret_key=self.keys.secret_key,
            session_token=self.keys.session_token or None,
            secure=False,
            region="us-east-1",
            http_client=self.pool,
        )

    @property
    def admin(self) -> MinioAdmin:
        """Return a client for accounts and policies."""
        keys = StaticProvider(
            self.keys.access_key, self.keys.secret_key, self.keys.session_token or None
        )
        return MinioAdmin(
            endpoint=self.minio.endpoint.removeprefix("http://"),
            credentials=keys,
            secure=False,
            http_client=self.pool,
        )
