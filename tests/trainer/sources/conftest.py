from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import stamina

from clm_api import environment
from tests.support.fake_exchange import FakeExchange, Fault, Listing
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.sheets import NOW

Open = Callable[..., FakeExchange]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a fake exchange and send ccxt there; retries don't wait, but are counted."""

    def open_(*listings: Listing, faults: tuple[Fault, ...] = (), **more: object) -> FakeExchange:
        values = {"now": NOW, **more}
        exchange = FakeExchange(list(listings), faults=list(faults), **values)  # type: ignore[arg-type]
        stack.enter_context(exchange.serve())
        monkeypatch.setenv(environment.EXCHANGE_URL, exchange.url)
        return exchange

    with ExitStack() as stack:
        stamina.set_testing(True, attempts=5, cap=True)
        yield open_
        stamina.set_testing(False)


@pytest.fixture(params=["a folder", "a bucket"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that processes share."""
    if request.param == "a folder":
        return tmp_path.as_uri()
    minio: MinioServer = request.getfixturevalue("minio")
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return minio.make_bucket(f"shared-{tmp_path.name.replace('_', '-').lower()[:40]}")
