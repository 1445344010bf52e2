"""examples/bot.py on a real NATS server and the fake exchange; it is killed in the middle."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import nats as client
import numpy as np
import pytest

from tests.bots.signals import halted, now, signal_file
from tests.support.fake_exchange import FakeExchange, Fault, Listing
from tests.support.fake_exchange.listings import frame_of
from tests.support.fake_exchange.server import API_KEY, SECRET
from tests.support.fake_exchange.trading import FEE
from tests.support.nats_server import NatsServer
from tests.support.ports import eventually
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow
A, B = "SYNA/USDT", "SYNB/USDT"
CASH, ROOM, PRICE, ASK = 10_000.0, 0.995, 100.0, 100.01
SUBJECT = "clm.events.quant.btc-eth.signal"


@dataclass
class Follows:
    """A bot's folder, where it trades, and what it listens to."""

    folder: Path
    exchange: FakeExchange
    server: str
    ids: Iterator[int] = field(default_factory=count)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        keys = {"BINANCE_KEY": API_KEY, "BINANCE_SECRET": SECRET, "EVERY_S": "0.2"}
        driver = ["-m", "tests.bots.on_fake_exchange", self.exchange.url]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *driver, self.server, "quant", "btc-eth"],
                cwd=self.folder, stdout=log, stderr=subprocess.STDOUT,
                env=os.environ | keys | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def tell(self, file: dict[str, Any], **event: Any) -> None:
        """Store an event as the operator does."""
        asyncio.run(_publish(self.server, _event(file, next(self.ids)) | event))

    def orders(self) -> list[tuple[str, str, float]]:
        return [(one.symbol, one.side, one.amount) for one in self.exchange.account.orders]

    def until(self, done: Callable[[], bool], what: str) -> None:
        process = self.process
        assert process is not None
        eventually(lambda: done() or process.poll() is not None, what, seconds=30)
        assert process.poll() is None, self.log()

    def logged(self, words: str) -> bool:
        return words in self.log()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def handled(self, held: dict[str, float]) -> bool:
        state = self.folder / "bot.json"
        return state.exists() and json.loads(state.read_text())["held"] == held


def _event(file: dict[str, Any], number: int) -> dict[str, Any]:
    names = ("version", "sha256", "bar", "decidedAt", "validUntil", "positions")
    data = {"reason": "Signal", "message": "…"} | {n: file[n] for n in names if n in file}
    whole = {"specversion": "1.0", "type": "dev.clm.signal.v1", "source": "/clm/c", "data": data}
    return whole | {"id": f"uid/signal-{number}"}


async def _publish(server: str, event: dict[str, Any]) -> None:
    link = await client.connect(server)
    try:
        await link.jetstream().publish(SUBJECT, json.dumps(event).encode())
    finally:
        await link.close()


async def _stream(server: str) -> None:
    link = await client.connect(server)
    try:
        await link.jetstream().add_stream(name="CLM_EVENTS", subjects=["clm.events.>"])
    finally:
        await link.close()


@pytest.fixture
def follows(tmp_path: Path) -> Iterator[Follows]:
    nats = NatsServer.start(tmp_path / "nats")
    asyncio.run(_stream(nats.url))
    start = (now() - timedelta(hours=1)).replace(second=0)
    flat = frame_of(np.zeros(600), "1m", start.isoformat(), 1)
    listings = [Listing(base, {"1m": flat}) for base in ("SYNA", "SYNB")]
    with FakeExchange(listings, now()).serve() as exchange:
        exchange.account.coins["USDT"] = CASH
        one = Follows(tmp_path, exchange, nats.url)
        try:
            yield one
        finally:
            if one.process is not None:
                one.kill()
            nats.stop()


def bought(weight: float, equity: float = CASH) -> float:
    return int(1000 * ROOM * weight * equity / 2 / PRICE + 1e-9) / 1000


def test_it_trades_each_decision_once_whenever_it_is_killed(follows: Follows) -> None:
    def answer_late(answer: Any) -> Any:
        time.sleep(1)
        return answer

    # The bot asks for its order, then places it: the answer to that is late.
    follows.exchange.faults.append(Fault("order", after=1, change=answer_late))
    follows.tell(signal_file({A: 0.5, B: 0.25}))
    follows.start()
    follows.until(lambda: len(follows.orders()) == 1, "the first order is placed")
    follows.kill()
    assert not follows.handled({A: 0.5, B: 0.25})
    follows.start()
    follows.until(lambda: follows.handled({A: 0.5, B: 0.25}), "the rest is done")
    placed = sorted(follows.orders())
    small = bought(0.25)
    left = CASH - small * ASK + small * (1 - FEE) * PRICE
    assert placed == [("SYNAUSDT", "BUY", bought(0.5, left)), ("SYNBUSDT", "BUY", small)]

    follows.kill()
    (follows.folder / "bot.json").unlink()
    follows.tell(signal_file({A: 0.5, B: 0.25}, version="btc-eth-2"))
    follows.start()
    follows.until(lambda: follows.handled({A: 0.5, B: 0.25}), "it knows from its account again")
    assert sorted(follows.orders()) == placed, "another decision for what is held trades nothing"


def test_an_order_that_was_cut_short_is_followed_by_one_for_the_rest(follows: Follows) -> None:
    follows.exchange.account.shares += [0.25, 0.0]
    follows.tell(signal_file({A: 0.5, B: 0.0}))
    follows.start()
    follows.until(lambda: len(follows.orders()) == 2, "it goes on after the first")
    follows.kill()  # and it does not begin anew
    follows.start()
    follows.until(lambda: follows.handled({A: 0.5, B: 0.0}), "all is done")
    first, second, third = (amount for _, _, amount in follows.orders())
    assert first == bought(0.5)
    assert second == pytest.approx(0.75 * first, rel=0.001)
    assert third == second
    assert follows.exchange.account.coins["SYNA"] == pytest.approx(first * (1 - FEE), rel=0.001)


def test_it_goes_to_another_size_and_holds_nothing_when_it_must(follows: Follows) -> None:
    follows.start()
    follows.until(partial(follows.logged, "not followed: NotFoundError"), "nothing is said yet")
    follows.tell(signal_file({A: 1.0, B: 1.0}))
    follows.until(lambda: follows.handled({A: 1.0, B: 1.0}), "it enters")
    follows.tell(signal_file({A: 0.5, B: 1.0}, version="btc-eth-2"))
    follows.until(lambda: follows.handled({A: 0.5, B: 1.0}), "it goes to another size")
    units = bought(1.0) * (1 - FEE)
    cash = CASH - 2 * bought(1.0) * ASK
    less = units - ROOM * 0.5 * (cash + 2 * units * PRICE) / 2 / PRICE
    assert follows.orders()[2:] == [("SYNAUSDT", "SELL", int(less * 1000) / 1000)]

    for file, event, words in (
        (
            signal_file({A: 0.5}) | {"positions": [{"symbol": A, "position": 1.5}]},
            {},
            "can't be held",
        ),
        (signal_file({A: 1.0}), {"type": "dev.clm.signal.v2"}, "v2 is no signal that this bot"),
        ({"decidedAt": "soon", "positions": []}, {}, "not followed: ValueError"),
    ):
        follows.tell(file, **event)
        follows.until(partial(follows.logged, words), words)
    assert len(follows.orders()) == 3, "what it can't follow changes nothing"

    follows.tell(halted(()))
    follows.until(lambda: follows.handled({A: 0.0, B: 0.0}), "it holds nothing after a halt")
    assert {order[1] for order in follows.orders()[3:]} == {"SELL"}
    assert follows.exchange.account.coins["SYNA"] < 0.001
    follows.tell(signal_file({A: 0.5, B: 0.0}, valid=timedelta(seconds=3)))
    follows.until(lambda: follows.handled({A: 0.5, B: 0.0}), "it enters again")
    follows.until(lambda: follows.handled({A: 0.0, B: 0.0}), "it holds nothing that has expired")
    assert follows.exchange.account.coins["SYNA"] < 0.001
