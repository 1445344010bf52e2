"""A store under a company's own authority, and a cloud's role that stands for keys."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.jobs.access import Access
from clm_operator.jobs.credentials import SHORTEST_S
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import check_store, ensure_bucket
from clm_operator.store.lender import Lender
from clm_operator.store.results import open_store
from clm_trainer.storage import Storage
from local_cluster.pki import Authority
from tests.cli.app import app
from tests.support.identity import IdentityProvider
from tests.support.lent_keys import variables
from tests.support.minio_server import MinioServer
from tests.support.repository import BARS
from tests.support.serving import serving

URL = "s3://private"
ALL = (Access(writes=("*",)),)


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """Whose tokens the store takes for a role."""
    with IdentityProvider().serve() as provider:
        yield provider


@pytest.fixture(scope="module")
def private(
    tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider
) -> Iterator[MinioServer]:
    """A real store at https, under an authority that no system trusts."""
    folder = tmp_path_factory.mktemp("private")
    authority = Authority(folder / "pki")
    authority.create()
    told = {name: value for name, value in provider.minio.items() if "CLAIM" not in name}
    roles = {"MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite"}
    server = MinioServer.start(folder / "m", told | roles, authority)
    with variables(server.environment() | _bundle(server)):
        ensure_bucket(_settings(server))
    yield server
    server.close()


def _bundle(server: MinioServer) -> dict[str, str]:
    assert server.authority is not None
    return {"AWS_CA_BUNDLE": str(server.authority.folder / "ca.crt")}


def _settings(server: MinioServer, **more: Any) -> StoreSettings:
    values = {"url": URL, "endpoint": server.endpoint, "secretName": "store"}
    return StoreSettings.model_validate(values | more)


def test_operator_and_trainer_trust_the_bundle(private: MinioServer) -> None:
    with variables(private.environment() | _bundle(private)):
        assert "lent keys reach" in check_store(_settings(private, credentials="PerRun"))
        store = Storage(URL, patience_s=2)
        store.put("a/b", b"x")
    assert store.get("a/b") == b"x", "the client keeps its trust, and the process its environment"


def test_without_the_bundle_nobody_trusts_it(private: MinioServer) -> None:
    with variables(private.environment()), pytest.raises(ClmError) as refused:
        Storage(URL, patience_s=0.5).get("a/b")
    assert refused.value.reason is Reason.STORAGE_UNAVAILABLE


def test_the_bundle_stands_beside_what_the_process_trusts_already(
    private: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path / "other")
    other.create()
    bundles = (str(other.folder / "ca.crt"), _bundle(private)["AWS_CA_BUNDLE"])
    for trusted, bundle in (bundles, bundles[::-1]):
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        with variables(private.environment() | {"AWS_CA_BUNDLE": bundle}):
            assert Storage(URL, patience_s=2).get("none") is None


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "no certificate"])
def test_a_bundle_that_is_none_is_named(
    private: MinioServer, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with (
        variables(private.environment() | {"AWS_CA_BUNDLE": str(path)}),
        pytest.raises(ClmError, match=rf"AWS_CA_BUNDLE: {path} .*name a file in PEM"),
    ):
        Storage(URL)


def test_the_command_line_trusts_the_bundle(private: MinioServer) -> None:
    command = ["data", "import", str(BARS["BTC/USDT"]), "--symbol", "BTC/USDT", "--store", URL]
    with variables(private.environment() | _bundle(private)):
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output


@contextmanager
def _node_agent(keys: dict[str, str]) -> Iterator[str]:
    """What a cloud's node answers to a pod that shows its account's token."""

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            granted = self.headers["Authorization"] == "the-accounts-token"
            body = json.dumps(keys if granted else {}).encode()
            self.send_response(200 if granted else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    with serving(server) as address:
        yield f"{address}/v1/credentials"


def _read_and_write(server: MinioServer, environment: dict[str, str]) -> None:
    """As operator and as trainer, whose Job has CLM_STORE_AMBIENT."""
    values = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1", **_bundle(server)}
    with variables(values | environment):
        settings = _settings(server, credentials="Ambient", secretName=None)
        open_store(settings).put("ambient", b"operator", use_multipart=False)
        assert Storage(URL, patience_s=5).get("ambient") == b"operator"
        Storage(URL, patience_s=5).put("ambient", b"trainer")
        assert bytes(open_store(settings).get("ambient").bytes()) == b"trainer"


def test_a_pod_identity_stands_for_keys(private: MinioServer, tmp_path: Path) -> None:
    lent = _lent(private)
    token = tmp_path / "token"
    token.write_text("the-accounts-token")
    with _node_agent(lent) as url:
        _read_and_write(private, {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        })  # fmt: skip


def _lent(server: MinioServer) -> dict[str, str]:
    with variables(server.environment() | _bundle(server)):
        keys = Lender(_settings(server, credentials="PerRun")).lend(ALL, SHORTEST_S)
    return {
        "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key,
        "Token": keys.session_token, "Expiration": "2099-01-01T00:00:00Z",
    }  # fmt: skip


def test_a_web_identity_stands_for_keys(
    private: MinioServer, provider: IdentityProvider, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(provider.token(seconds=3600))
    logs = "\n".join(p.read_text() for p in (private.folder / "logs").iterdir())
    role = re.search(r"arn:minio:iam:::role/\S+", logs)
    assert role is not None, logs
    _read_and_write(private, {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": role.group(),
        "AWS_ENDPOINT_URL_STS": private.endpoint,
    })  # fmt: skip


def test_without_keys_and_without_a_role_the_store_is_asked_at_once(private: MinioServer) -> None:
    values = {"AWS_ENDPOINT_URL": private.endpoint, **_bundle(private)}
    with variables(values), pytest.raises(ClmError) as refused:
        Storage(URL, patience_s=5).get("a/b")
    assert refused.value.reason is Reason.STORAGE_DENIED
