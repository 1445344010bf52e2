"""What the freqtrade example makes of a signal file: read, refused, held, left."""

import io
import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from production_signal import Expected, Follower, Signal, Wish, parse, read
from tests.bots.signals import halted, now, signal_file
from tests.support.minio_server import MinioServer
from tests.support.serving import serving

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
BTC, ETH = "BTC/USDT", "ETH/USDT"
NOW = now()
EXPECTED = Expected("quant", "btc-eth", HOUR, frozenset({BTC, ETH}))
SILENCE = 3 * HOUR


def made(held: dict[str, float] | None = None, **more: Any) -> dict[str, Any]:
    said = {BTC: 0.5, ETH: 0.0} if held is None else held
    return signal_file(said, bar=HOUR, at=NOW) | more


def follower(said: object, expected: Expected = EXPECTED) -> Follower:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Follower("signal.json", expected, SILENCE, NOW, fetch=lambda _: body)


def test_a_signal_is_read_as_the_operator_writes_it() -> None:
    until = NOW + HOUR
    read_back = parse(json.dumps(made()).encode(), EXPECTED, NOW)
    assert read_back == Signal("btc-eth-1", until, {BTC: 0.5, ETH: 0.0})


LATER = (NOW + 2 * HOUR).isoformat()
REFUSED: dict[str, tuple[object, str]] = {
    "truncated JSON": (json.dumps(made()).encode()[:80], "no signal of CLM: JSONDecodeError"),
    "an empty file": (b"", "no signal of CLM: JSONDecodeError"),
    "bytes that are no text": (b"\xff\xfe\x00", "no signal of CLM: UnicodeDecodeError"),
    "a list": ([], "no signal of CLM: AttributeError"),
    "brackets without end": (b"[" * 100_000, "no signal of CLM: RecursionError"),
    "no positions": (made(positions=None), "no signal of CLM: TypeError"),
    "no time of decision": (made(decidedAt="soon"), "no signal of CLM: ValueError"),
    "a time without a zone": (made(decidedAt="2026-01-01T00:00:00"), "has no time zone"),
    "a later schema": (made(schemaVersion=2), "its schemaVersion is 2, and this bot knows 1"),
    "another schedule": (
        made(schedule="sol"),
        "it is the signal of quant/sol, not of quant/btc-eth",
    ),
    "another namespace": (made(namespace="prod"), "it is the signal of prod/btc-eth, not of"),
    "another timeframe": (
        signal_file({BTC: 0.5}, at=NOW),
        "it has bars of 0:01:00, and this bot bars of 1:00:00",
    ),
    "a decision of the future": (made(decidedAt=LATER), "and this machine's clock says"),
    "a weight above 1": (
        made() | {"positions": [{"symbol": BTC, "position": 1.5}]},
        "the position of BTC/USDT is 1.5, which is not within -1 and 1",
    ),
    "a weight that is no number": (
        json.dumps(made() | {"positions": [{"symbol": BTC, "position": float("nan")}]}).encode(),
        "the position of BTC/USDT is nan, which is not within -1 and 1",
    ),
    "a weight as text": (
        made() | {"positions": [{"symbol": BTC, "position": "0.5"}]},
        "the position of BTC/USDT is '0.5', which",
    ),
    "a weight that is true": (
        made() | {"positions": [{"symbol": BTC, "position": True}]},
        "the position of BTC/USDT is True, which",
    ),
    "a symbol twice": (
        made() | {"positions": [{"symbol": BTC, "position": 0.1}] * 2},
        "it names BTC/USDT twice",
    ),
    "perpetuals for a bot of spot": (
        made({"BTC/USDT:USDT": 0.5}),
        "BTC/USDT:USDT is of another market: this bot trades spot",
    ),
    "a short for a bot of spot": (
        made({BTC: -0.5}),
        "BTC/USDT is to be short, and this bot trades spot",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_last_signal_in_force_and_says_why(name: str) -> None:
    said, words = REFUSED[name]
    one = follower(made())
    one.look(NOW)
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    one.fetch = lambda _: body
    one.look(NOW + 60 * SECOND)
    assert words in one.said
    assert one.said.startswith("not followed: signal.json: ")
    assert one.wish(BTC, NOW + 60 * SECOND) == Wish(0.5, "btc-eth-1")
    assert one.heard == NOW


def test_perpetuals_may_be_short() -> None:
    perpetual = "BTC/USDT:USDT"
    wanted = Expected("quant", "btc-eth", HOUR, frozenset({perpetual}), futures=True)
    one = follower(made({perpetual: -0.5}), wanted)
    one.look(NOW)
    assert one.wish(perpetual, NOW) == Wish(-0.5, "btc-eth-1")


def test_a_symbol_that_the_bot_does_not_trade_is_named() -> None:
    one = follower(made({BTC: 0.5, "SOL/USDT": 0.5}))
    one.look(NOW)
    assert one.said == (
        "following btc-eth-1: BTC/USDT 0.5, SOL/USDT 0.5; "
        "SOL/USDT: not traded by this bot, so that part stays in cash"
    )


WISHES: dict[str, tuple[object, timedelta, Wish]] = {
    "a valid signal is held": (made(), SECOND, Wish(0.5, "btc-eth-1")),
    "a symbol that it does not name is not held": (
        made({ETH: 1.0}), SECOND, Wish(0.0, "not in the signal"),
    ),
    "it is held until its last second": (made(), HOUR - SECOND, Wish(0.5, "btc-eth-1")),
    "it has expired then": (made(), HOUR, Wish(0.0, "expired")),
    "without an end it is held until silence": (
        made(validUntil=None), SILENCE - SECOND, Wish(0.5, "btc-eth-1"),
    ),
    "without an end it is held for a day": (
        made(validUntil=None, decidedAt=(NOW - timedelta(days=1)).isoformat(),
             bar=(NOW - timedelta(days=1, hours=1)).isoformat()), SECOND, Wish(0.0, "expired"),
    ),
    "after a silence nothing is held": (made(validUntil=None), SILENCE, Wish(0.0, "silence")),
    "after a halt nothing is held": (halted((BTC, ETH)), SECOND, Wish(0.0, "stood down")),
    "after a halt it does not matter what is listed": (
        halted((BTC, BTC, "BTC/USDT:USDT")), SECOND, Wish(0.0, "stood down"),
    ),
    "before the first good signal what is held stays": (b"", SECOND, Wish(None, "no signal yet")),
    "it does not stay for ever": (b"", SILENCE, Wish(0.0, "silence")),
}  # fmt: skip


@pytest.mark.parametrize("name", WISHES)
def test_what_is_to_be_held(name: str) -> None:
    said, later, wish = WISHES[name]
    one = follower(said)
    one.look(NOW)
    assert one.wish(BTC, NOW + later) == wish


def test_the_same_fault_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    one = follower(b"")
    for _ in range(3):
        one.look(NOW)
    assert [record.getMessage() for record in caplog.records] == [one.said]


class _NoHttp(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(b"nonsense\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_file_is_read_from_a_path_and_what_fails_is_an_os_error(tmp_path: Path) -> None:
    file = tmp_path / "signal.json"
    file.write_bytes(b"x")
    assert read(str(file)) == read(file.as_uri()) == b"x"
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "none"))
    with pytest.raises(URLError):
        read("https://127.0.0.1:1/signal.json")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoHttp)
    with serving(server) as url, pytest.raises(OSError, match="BadStatusLine"):
        read(f"{url}/signal.json")


def test_a_file_is_read_from_a_store_with_the_variables_of_aws(
    minio: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    minio.client.make_bucket("bots")
    minio.client.put_object("bots", "signals/quant/btc-eth.json", io.BytesIO(b"x"), 1)
    assert read("s3://bots/signals/quant/btc-eth.json") == b"x"
    with pytest.raises(OSError, match=r"signals/quant/none\.json"):
        read("s3://bots/signals/quant/none.json")
