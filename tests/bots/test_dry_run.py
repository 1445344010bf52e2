"""The real freqtrade in a dry run follows a signal file; the fake exchange has its candles."""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bots.signals import halted, now, signal_file
from tests.support.fake_exchange import FakeExchange, Listing
from tests.support.fake_exchange.listings import frame_of
from tests.support.freqtrade import Bot
from tests.support.ports import eventually

pytestmark = pytest.mark.slow
A, B, C, D, E = (f"SYN{letter}/USDT" for letter in "ABCDE")
BASES = tuple(f"SYN{letter}" for letter in "ABCDE")
FEE, SLEEVE, STEP, SILENCE_S = 0.001, 10_000 / 5, 0.001, 6
ASK = 100.01
"""Prices stand still at 100, so that every size is known; ask and bid are a hundredth apart."""


@dataclass(frozen=True)
class Trade:
    """A row of freqtrade's database."""

    pair: str
    is_open: bool
    amount: float
    open_rate: float
    exit_reason: str
    enter_tag: str


@dataclass
class Follows:
    """A running bot and the file that it follows."""

    bot: Bot
    process: subprocess.Popen[bytes]

    def says(self, content: dict[str, Any] | str) -> None:
        """Write the signal, as one replacement."""
        fresh = self.bot.folder / "fresh.json"
        fresh.write_text(content if isinstance(content, str) else json.dumps(content))
        fresh.replace(self.bot.folder / "signal.json")

    def logged(self, words: str, times: int = 1) -> bool:
        # Lines are wrapped at any blank.
        log = " ".join((self.bot.folder / "log").read_text().split())
        return log.count(words) >= times

    def trades(self) -> dict[str, Trade]:
        """Return the newest trade of each pair."""
        names = "pair, is_open, amount, open_rate, coalesce(exit_reason, ''), enter_tag"
        with closing(
            sqlite3.connect(f"file:{self.bot.folder}/dry.sqlite?mode=ro", uri=True)
        ) as connection:
            rows = connection.execute(f"SELECT {names} FROM trades ORDER BY id").fetchall()
        return {row[0]: Trade(row[0], bool(row[1]), *row[2:]) for row in rows}

    def holds(self, *pairs: str) -> bool:
        return {name for name, one in self.trades().items() if one.is_open} == set(pairs)

    def until(self, done: Callable[[], bool], what: str) -> None:
        eventually(lambda: done() or self.process.poll() is not None, what, seconds=40)
        assert self.process.poll() is None, (self.bot.folder / "log").read_text()


@pytest.fixture
def follows(tmp_path: Path) -> Iterator[Follows]:
    start = (now() - timedelta(hours=9)).replace(second=0)
    flat = frame_of(np.zeros(900), "1m", start.isoformat(), 1)
    listings = [Listing(base, {"1m": flat}) for base in BASES]
    with FakeExchange(listings, now()).serve() as exchange:
        bot = Bot.made(
            tmp_path / "bot", exchange.url, "config-dry-run.json",
            timeframe="1m",
            db_url="sqlite:///dry.sqlite",
            internals={"process_throttle_secs": 1},
            exchange={"pair_whitelist": [A, B, C, D, E]},
            clm={
                "signal": "signal.json", "namespace": "quant", "schedule": "btc-eth",
                "silenceSeconds": SILENCE_S,
            },
        )  # fmt: skip
        with (bot.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                bot.command("trade"), cwd=bot.folder, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                one = Follows(bot, process)
                one.says(halted((A, B, C, D, E)))
                one.until(partial(one.logged, "Changing state to: RUNNING"), "it runs")
                yield one
            finally:
                process.terminate()
                process.wait(20)


def held(**positions: float) -> dict[str, float]:
    return {f"SYN{letter}/USDT": positions.get(letter, 0.0) for letter in "ABCDE"}


def stake(weight: float) -> float:
    return weight * SLEEVE / (1 + FEE * weight)


def whole_steps(amount: float) -> float:
    return int(amount / STEP + 1e-9) * STEP


BAD: dict[str, str] = {
    json.dumps(signal_file(held(A=1, B=1)))[:90]: "no signal of CLM: JSONDecodeError",
    json.dumps(signal_file(held(), schedule="sol")): "it is the signal of quant/sol",
    json.dumps(signal_file(held(), schemaVersion=2)): "its schemaVersion is 2",
    json.dumps(signal_file({}) | {"positions": [{"symbol": A, "position": 1.5}]}): "is 1.5, which",
}


def test_it_enters_sizes_and_leaves_as_production_says(follows: Follows) -> None:
    follows.says(signal_file(held(A=0.5, B=0.25, C=1)))
    follows.until(partial(follows.holds, A, B, C), "it holds what production holds")
    entered = follows.trades()
    for name, weight in {A: 0.5, B: 0.25, C: 1.0}.items():
        assert entered[name].open_rate == ASK
        assert entered[name].amount == pytest.approx(whole_steps(stake(weight) / ASK), abs=1e-9)
        assert entered[name].enter_tag == f"btc-eth-1 {weight}"

    follows.says(signal_file(held(A=0.2, C=1), version="btc-eth-2"))
    follows.until(partial(follows.holds, A, C), "it leaves what production left")
    assert follows.trades()[B].exit_reason == "btc-eth-2"

    def smaller() -> bool:
        return follows.trades()[A].amount < entered[A].amount

    follows.until(smaller, "it goes to the size that the new version holds")
    before, value = SLEEVE - FEE * entered[A].amount * ASK, entered[A].amount * ASK
    aim = 0.2 * (before - FEE * value) / (1 - FEE * 0.2)
    sold = whole_steps(entered[A].amount - aim / ASK)
    assert follows.trades()[A].amount == pytest.approx(entered[A].amount - sold, abs=1e-9)
    assert follows.trades()[C].amount == entered[C].amount, "what did not change is left alone"

    for time, (content, words) in enumerate(BAD.items(), start=2):
        follows.says(content)
        follows.until(partial(follows.logged, words), words)
        assert follows.holds(A, C)
        follows.says(signal_file(held(A=0.2, C=1), version="btc-eth-2"))
        follows.until(partial(follows.logged, "following btc-eth-2", time), "it follows again")

    follows.says(signal_file(held(A=0.2, C=1), valid=timedelta(seconds=1)))
    follows.until(partial(follows.holds), "it holds nothing that has expired")
    assert {follows.trades()[name].exit_reason for name in (A, C)} == {"expired"}

    follows.says(signal_file(held(D=1)))
    follows.until(partial(follows.holds, D), "it enters again")
    follows.says(halted((A, B, C, D, E)))
    follows.until(partial(follows.holds), "it holds nothing after a halt")
    assert follows.trades()[D].exit_reason == "stood down"

    follows.says(signal_file(held(E=1)))
    follows.until(partial(follows.holds, E), "it enters again")
    (follows.bot.folder / "signal.json").unlink()
    follows.until(partial(follows.logged, "not followed: signal.json:"), "it says what is missing")
    assert follows.holds(E), "it holds on for as long as the silence may last"
    follows.until(partial(follows.holds), "it holds nothing after a silence")
    assert follows.trades()[E].exit_reason == "silence"
