"""A page in an object's place is an outage: no object, no evidence, no corrupt result."""

from collections.abc import Callable, Iterator

import pytest

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_operator.findings import UnreadableReport
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import ensure_bucket, reach
from clm_operator.store.results import ArtifactReader, open_store
from clm_trainer.serving.artifact import read_artifact
from clm_trainer.storage import Storage
from tests.support.fixed_answer import FixedAnswer

RUN = RunLayout("ns", "btc", "uid")
PAGE = b"<html></html>"
ANSWERS: dict[str, tuple[bytes, dict[str, str]]] = {
    "a page without a tag": (PAGE, {}),
    "a page with a tag": (PAGE, {"ETag": '"a"', "Content_Type": "text/html; charset=utf-8"}),
    "JSON of somebody else": (b"{}", {"Content_Type": "application/json"}),
}


@pytest.fixture(params=ANSWERS)
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    body, headers = ANSWERS[request.param]
    server = FixedAnswer(200, body, None, **headers)
    for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"),
                        ("ENDPOINT_URL", server.url)):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    yield server.url
    server.stop()


def test_a_run_and_the_command_line_read_no_object(url: str) -> None:
    store = Storage("s3://models", patience_s=0.0)
    for ask in (
        lambda: store.get("x.json"),
        lambda: store.get("x.json", 9),
        lambda: store.get_tagged("x.json"),
        lambda: store.list("backups/"),
        lambda: read_artifact(f"s3://models/{RUN.manifest}"),
    ):
        with pytest.raises(ClmError, match="a proxy or a login page before it") as caught:
            ask()
        assert str(caught.value.reason) == "StorageUnavailable", url


async def test_the_operator_finds_neither_a_result_nor_a_corrupt_one(url: str) -> None:
    settings = StoreSettings.model_validate(
        {"url": "s3://models", "endpoint": url, "secretName": "keys"}
    )
    store = open_store(settings)
    reader = ArtifactReader(store)
    for found in (await reader.report(RUN), await reader.replay("evaluations/x.json")):
        assert isinstance(found, UnreadableReport)
        assert str(found.reason) == "StorageUnavailable"
        assert "is there a proxy or a login page before it?" in found.message
    asks: list[Callable[[], None]] = [
        lambda: reach(store), lambda: ensure_bucket(settings, patience_s=0)
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(ClmError, match="a proxy or a login page before it"):
            ask()
