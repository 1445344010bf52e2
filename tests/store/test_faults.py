"""A store's fault is told in its own words, judged by its status, and given the hint that fits."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import pytest

from clm_api.errors import ClmError
from clm_operator.jobs.access import Access
from clm_operator.jobs.credentials import SHORTEST_S
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import ensure_bucket
from clm_operator.store.guard import named_errors
from clm_operator.store.lender import Lender
from clm_operator.store.results import open_store
from clm_trainer.storage import Storage
from tests.support.fixed_answer import FixedAnswer

PATH = "runs/ns/btc/9c403d1e-4030-4033-9403-111111114031/manifest.json"
DENIED, AWAY = "StorageDenied", "StorageUnavailable"
KEYS = ("AWS_ACCESS_KEY_ID", "objectStore.secretName")


def xml(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@dataclass(frozen=True)
class Case:
    """An answer, what is said first, and of which hint the sentence has words."""

    name: str
    status: int
    body: bytes
    reason: str
    said: str
    hint: str
    keys: bool = False
    """Whether the hint names the keys."""


CASES = [
    Case("the right is missing", 403, xml("AccessDenied", "Access Denied."), DENIED,
         "AccessDenied: Access Denied: ", "what they may do with the bucket", keys=True),
    Case("an unknown key", 403, xml("InvalidAccessKeyId", "No such key."), DENIED,
         "InvalidAccessKeyId: No such key: ", "does not know this access key", keys=True),
    Case("a wrong secret", 403, xml("SignatureDoesNotMatch", "Check your key."), DENIED,
         "SignatureDoesNotMatch: Check your key: ", "is not the one that belongs to", keys=True),
    Case("a clock that is off", 403, xml("RequestTimeTooSkewed", "Too large."), DENIED,
         "RequestTimeTooSkewed: Too large: ", "clock differs from the store's"),
    Case("keys past their time", 400, xml("ExpiredToken", "Expired."), DENIED,
         "ExpiredToken: Expired: ", "keys of this session are past their time"),
    Case("a wrong region", 400, xml("AuthorizationHeaderMalformed", "expecting eu-central-1"),
         DENIED, "AuthorizationHeaderMalformed: expecting eu-central-1: ", "another region"),
    Case("a redirect", 301, xml("PermanentRedirect", "m"), DENIED,
         "a redirect that does not say whereto: ", "another region"),
    Case("no bucket", 404, xml("NoSuchBucket", "Not there."), DENIED,
         "NoSuchBucket: Not there: ", "create the bucket"),
    Case("no store behind the ingress", 404, b"default backend - 404", AWAY,
         "404 Not Found: default backend - 404: ", "does not answer as an S3 store does"),
    Case("a proxy that wants a login", 407, b"<html>log in</html>", DENIED,
         "407 Proxy Authentication Required: <html>log in</html>: ", "a login page before it"),
    Case("HTTP on the port of TLS", 400, b"Client sent an HTTP request to an HTTPS server.", DENIED,
         "400 Bad Request: Client sent an HTTP request", "does not answer as an S3 store does"),
    Case("rights without a word", 403, b"", DENIED, "403 Forbidden: ", "check", keys=True),
    Case("too many requests", 429, b"", AWAY, "429 Too Many Requests: ", "overloaded"),
    Case("slow down", 503, xml("SlowDown", "Reduce your request rate."), AWAY,
         "SlowDown: Reduce your request rate: ", "overloaded"),
    Case("throttled with another status", 400, xml("ThrottlingException", "Rate exceeded"), AWAY,
         "ThrottlingException: Rate exceeded: ", "overloaded"),
    Case("a body that came too slowly", 400, xml("RequestTimeout", "Idle."), AWAY,
         "RequestTimeout: Idle: ", "overloaded"),
    Case("an outage that speaks of 403", 500, xml("InternalError", "worker 403 is gone, 401 too"),
         AWAY, "InternalError: worker 403 is gone, 401 too: ", "overloaded"),
    Case("an outage that quotes a refusal", 502, b"upstream said AccessDenied, NoSuchBucket", AWAY,
         "502 Bad Gateway: upstream said AccessDenied, NoSuchBucket: ", "overloaded"),
]  # fmt: skip


def operator_reads(url: str) -> None:
    with named_errors():
        open_store(settings(url)).get(PATH).bytes()


def settings(url: str) -> StoreSettings:
    values = {"url": "s3://models", "endpoint": url, "secretName": "keys"}
    return StoreSettings.model_validate(values)


def said_by(ask: Callable[[], object]) -> ClmError:
    with pytest.raises(ClmError) as caught:
        ask()
    return caught.value


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_an_answer_is_judged_alike_by_run_and_operator(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FixedAnswer(case.status, case.body)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    impatient = Storage("s3://models", patience_s=0.0)
    try:
        for error, key in (
            (said_by(lambda: impatient.get(PATH)), KEYS[0]),
            (said_by(lambda: operator_reads(server.url)), KEYS[1]),
        ):
            assert str(error.reason) == case.reason
            assert error.message.startswith(case.said)
            assert case.hint in error.message
            assert (key in error.message) == case.keys
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "AccessDenied", DENIED),
        (400, "Throttling", AWAY),
        (429, "TooManyRequests", AWAY),
        (503, "SlowDown", AWAY),
    ],
)
def test_whoever_makes_buckets_or_lends_keys_judges_as_well(
    status: int, code: str, reason: str
) -> None:
    server = FixedAnswer(status, xml(code, "worker 403 of 503"))
    own = settings(server.url)
    try:
        for ask in (
            lambda: ensure_bucket(own, patience_s=0),
            lambda: Lender(own).lend([Access(writes=("x",))], SHORTEST_S),
        ):
            error = said_by(ask)
            assert str(error.reason) == reason
            assert error.message.startswith(f"{code}: worker 403 of 503: ")
    finally:
        server.stop()


@dataclass(frozen=True)
class Unreached:
    """An address that gives no answer."""

    name: str
    said: str
    hint: str


UNREACHED = {
    "http://127.0.0.1:9": Unreached("nothing listens", "connection refused: ", "is the port in"),
    "http://no-such-host.invalid": Unreached("no such host", "dns error: ", "check the host in"),
    "a private certificate": Unreached(
        "a private certificate", "the store's certificate is not trusted (UnknownIssuer): ",
        "give the certificate of its authority in",
    ),
    "TLS asked of HTTP": Unreached(
        "TLS asked of HTTP", "the address answers without TLS: ", "write http:// in"
    ),
    "silence": Unreached("silence", "no answer in time: ", "a firewall or a NetworkPolicy"),
}  # fmt: skip


@pytest.mark.parametrize("address", UNREACHED, ids=lambda name: UNREACHED[name].name)
def test_a_store_that_is_not_reached_says_what_became_of_the_connection(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends: list[Callable[[], None]] = []
    if address == "a private certificate":
        server = FixedAnswer(404, xml("NoSuchKey", "m"), tls=_certificate(tmp_path))
        url, ends = server.url, [server.stop]
    elif address == "TLS asked of HTTP":
        server = FixedAnswer(400, b"")
        url, ends = server.url.replace("http:", "https:"), [server.stop]
    elif address == "silence":
        mute = socket.create_server(("127.0.0.1", 0))
        url, ends = f"http://127.0.0.1:{mute.getsockname()[1]}", [mute.close]
    else:
        url = address
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    try:
        error = said_by(lambda: Storage("s3://models", patience_s=0.0, answer_s=1.0).get(PATH))
    finally:
        for end in ends:
            end()
    assert str(error.reason) == AWAY
    assert error.message.startswith(UNREACHED[address].said)
    assert UNREACHED[address].hint in error.message
    assert not any(key in error.message for key in KEYS)


def _certificate(folder: Path) -> ssl.SSLContext:
    """Return one of an authority that nobody knows."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=own-ca")
    openssl("req", *new, "-keyout", "key", "-out", "csr", "-subj", "/CN=store")
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
    openssl("x509", "-req", "-in", "csr", *signer, "-days", "2", "-out", "crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context


def test_a_missing_object_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (xml("NoSuchKey", "m"), b""):
        server = FixedAnswer(404, body)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        try:
            assert Storage("s3://models", patience_s=0.0).get(PATH) is None
        finally:
            server.stop()
