"""The loop closes on a moved clock: drift, a challenger, degradation, the way back, and nothing.

Each step is told to an HTTP endpoint and to NATS JetStream, while the operator is killed between
the steps.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats as nats_client
import numpy as np
import pandas as pd
import pytest

from clm_api.layout import newest_signal, production_pointer
from clm_trainer.storage import Storage
from tests.e2e.conftest import NAMESPACE, Node
from tests.e2e.test_life import HOST, LONG_ENOUGH, Raw
from tests.support.event_receiver import EventReceiver
from tests.support.fake_exchange import FakeExchange, Listing
from tests.support.fake_exchange.listings import frame_of
from tests.support.moved_operator import MovedOperator, moved_operator
from tests.support.nats_server import NatsServer
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

NAME = "loop"
DAYS, AHEAD, BARS_A_DAY, CYCLE = 207, 10, 96, 12
LIVELY, LOST = 1.2, 3.2
"""Days from the beginning at which prices move three times as much, and at which the waves that
the model knows are gone. All of it is over before a pod's longest wait, of seven days, would be."""
CLM = ROOT / ".venv/bin/clm"


SYMBOL = "SYNLOOP"
"""No other test's: the store keeps what it has of a symbol."""


def waves(now: datetime) -> dict[str, pd.DataFrame]:
    """Return bars of three markets, one after the other: past and future of the test."""
    start = (now - timedelta(days=DAYS - AHEAD)).replace(hour=0, minute=0, second=0, microsecond=0)
    rows, rng = np.arange(DAYS * BARS_A_DAY), np.random.default_rng(7)
    day = rows / BARS_A_DAY - (now - start) / timedelta(days=1)
    returns = 0.006 * np.sin(2 * np.pi * rows / CYCLE) + rng.normal(0, 0.001, len(rows))
    returns = np.where(day > LIVELY, 3 * returns, returns)
    returns = np.where(day > LOST, rng.normal(0, 0.01, len(rows)), returns)
    return {"15m": frame_of(returns, "15m", start.isoformat(), 7)}


def wanted(*, drift: str, max_drawdown: float = 1.0) -> Raw:
    return schedule(
        NAME, NAMESPACE, interval="9000d",
        model={"family": "xgboost", "xgboost": {"rounds": 30}},
        target={
            "horizonBars": 3, "entryPercentile": 0.6, "minHoldBars": 1, "takeProfitSigmas": 10,
            "stopLossSigmas": 10, "volatilityTarget": 3,
        },
        data={
            "symbols": [f"{SYMBOL}/USDT"], "timeframe": "15m", "lookbackDays": 187,
            "refresh": "Auto",
        },
        evaluation={"periodDays": 7},
        promotion={
            "mode": "Automatic",
            "criteria": {
                "minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0, "minTrades": 0,
                "maxDrawdown": max_drawdown,
            },
            "shadow": {"minBars": BARS_A_DAY, "minTrades": 0, "maxDays": 1},
            "champion": {"margin": 100},
        },
        monitoring={
            "interval": "1h", "cooldown": "1h", "drift": {"mode": drift, "windowBars": 96},
            "performance": {"mode": "Rollback"},
        },
        job={"pendingDeadlineSeconds": 604800, "backoffLimit": 0},
    )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """An event as one of the sinks has it."""

    id: str
    type: str
    subject: str
    data: Raw


@dataclass
class Loop:
    """A schedule on a moved clock, and both sinks."""

    moved: MovedOperator
    receiver: EventReceiver
    nats: NatsServer

    @property
    def node(self) -> Node:
        """The cluster."""
        return self.moved.node

    def status(self) -> Raw:
        """Return the schedule's status."""
        return dict(self.node.json("tsched", NAME).get("status", {}))

    def versions(self) -> dict[str, Raw]:
        """Return all versions by name."""
        found = self.node.json("mv", "-l", f"clm.dev/schedule={NAME}")["items"]
        return {v["metadata"]["name"]: v for v in found}

    def production(self) -> str | None:
        """Return the name of the version in production."""
        found = self.status().get("production")
        return found and str(found["version"])

    def reaches(self, name: str | None, seconds: float = 240) -> None:
        """Wait until a version, or none, is in production, and stages and the store say so too."""

        def agrees() -> bool:
            stages = [n for n, v in self.versions().items()
                      if v.get("status", {}).get("stage") == "PRODUCTION"]  # fmt: skip
            stored = json.loads(Storage("s3://clm").get(production_pointer(NAMESPACE, NAME)) or "0")
            there = None if not stored else stored["version"]
            return self.production() == there == name and stages == ([name] if name else [])

        try:
            eventually(agrees, f"{name} is in production", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.status(), indent=1)}") from error

    def signal(self, version: str | None) -> Raw:
        """Wait until the store's signals are those of a version; return them."""

        def look() -> Raw | None:
            found = json.loads(Storage("s3://clm").get(newest_signal(NAMESPACE, NAME)) or "{}")
            return found if found and found.get("version") == version else None

        return eventually(look, f"signals of {version}", 240)

    def clm(self, *words: str) -> str:
        """Run a command of the CLI about the namespace."""
        return self.node.run(CLM, *words, "-n", NAMESPACE)

    def posted(self) -> list[Told]:
        """Return what the HTTP endpoint took, repetitions too."""
        took = list(self.receiver.took)
        return [
            Told(e.get_id(), e.get_type(), str(e.get_subject()), json.loads(_text(e.get_data())))
            for e in took
        ]

    def streamed(self) -> list[Told]:
        """Return what the stream holds."""
        return asyncio.run(_read(self.nats.url, len(self.posted()) + 1000))


def _text(data: Any) -> str:
    if isinstance(data, bytes):
        return data.decode()
    return data if isinstance(data, str) else json.dumps(data)


async def _read(url: str, most: int) -> list[Told]:
    client = await nats_client.connect(url)
    try:
        stream = client.jetstream()
        puller = await stream.pull_subscribe("clm.events.>", stream="CLM_EVENTS")
        found: list[Told] = []
        while len(found) < most:
            try:
                batch = await puller.fetch(100, timeout=2)
            except TimeoutError:
                break
            for message in batch:
                event = json.loads(message.data)
                found.append(Told(event["id"], event["type"], event["subject"], event["data"]))
                await message.ack()
        return found
    finally:
        await client.close()


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of the test's own: two streams can't take the same subjects."""
    server = NatsServer.start(tmp_path / "nats")
    yield server
    server.stop()


@pytest.fixture
def loop(
    release: Node, own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Loop]:
    for key in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, release.environment[key])
    now = datetime.now(UTC)
    with EventReceiver() as receiver:
        events = {
            "http": {"url": receiver.url},
            "nats": {"servers": [own_nats.url], "createStream": True},
        }
        with (
            FakeExchange([Listing(SYMBOL, waves(now))], now).serve(HOST) as exchange,
            moved_operator(release, exchange, tmp_path, events=events) as operator,
        ):
            yield Loop(operator, receiver, own_nats)


@pytest.mark.slow
def test_a_market_that_changes_leads_to_a_new_version_and_one_that_is_lost_to_none(
    loop: Loop,
) -> None:
    node, moved = loop.node, loop.moved
    node.apply(wanted(drift="Retrain"))
    (first,) = eventually(loop.versions, "a first version")
    _reaches_stage(loop, first, "SHADOW")
    moved.wait(LONG_ENOUGH)
    loop.reaches(first)
    assert loop.signal(first)["positions"][0]["symbol"] == f"{SYMBOL}/USDT"

    moved.crash()
    moved.wait(timedelta(days=1.9) - moved.ahead)
    (second,) = eventually(lambda: set(loop.versions()) - {first}, "a version for drift", 240)
    node.apply(wanted(drift="Warn"))
    drift, trigger = loop.status()["drift"], loop.versions()[second]["spec"]["trigger"]
    assert (drift["verdict"], drift["version"]) == ("Drifted", first)
    assert trigger["type"] == "Drift"
    assert drift["worst"][0]["name"] in trigger["reason"]
    _reaches_stage(loop, second, "SHADOW")
    moved.crash()
    moved.wait(LONG_ENOUGH)
    loop.reaches(second)
    assert loop.versions()[second]["status"]["shadow"]["champion"] == first
    loop.signal(second)

    moved.wait(timedelta(days=LOST) - moved.ahead + timedelta(hours=1))
    node.apply(wanted(drift="Warn", max_drawdown=0.03))
    _falls(loop, second)
    loop.reaches(first)
    back = loop.versions()[first]["status"]["history"][-1]
    assert back["by"] == "clm-operator"
    assert "degraded (Drawdown)" in back["reason"]
    moved.crash()
    _falls(loop, first)
    loop.reaches(None)
    halted = loop.status()["halted"]
    assert (halted["version"], halted["by"]) == (first, "clm-operator")
    flat = loop.signal(None)
    assert [one["position"] for one in flat["positions"]] == [0]

    loop.clm("promote", first, "--reason", "a calm week is forecast")
    loop.reaches(first)
    loop.clm("halt", NAME, "--reason", "the exchange is under attack")
    loop.reaches(None)
    assert loop.status()["halted"]["reason"] == "the exchange is under attack"
    moved.crash()
    loop.clm("promote", second, "--reason", "all is well again")
    loop.reaches(second)
    loop.signal(second)
    _told_alike(loop, first, second)


def _reaches_stage(loop: Loop, name: str, stage: str) -> None:
    def look() -> bool:
        seen.append(loop.versions()[name].get("status", {}))
        return bool(seen[-1].get("stage") == stage)

    seen: list[Raw] = []
    try:
        eventually(look, f"{name} is {stage}", 240)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says: {seen[-1]}") from error


def _falls(loop: Loop, name: str) -> None:
    """Let half days pass, each with its replay, until a version is not in production any more."""
    for _ in range(6):
        slot = loop.status()["replay"]["slot"]
        loop.moved.wait(timedelta(hours=12))

        def seen(before: str = slot) -> bool:
            replay = loop.status()["replay"]
            return bool(replay["slot"] > before and replay["phase"] == "Succeeded")

        eventually(seen, f"a replay of {name}", 240)
        if loop.production() != name:
            return
    raise AssertionError(f"{name} stays: {json.dumps(loop.status(), indent=1)}")


def _told_alike(loop: Loop, first: str, second: str) -> None:
    """Both sinks know the same events, each object's in the same order, and what they tell."""
    eventually(lambda: not _untold(loop), "all is told", 120)
    posted, streamed = loop.posted(), loop.streamed()
    once = list({one.id: one for one in posted}.values())
    assert {one.id: one for one in posted} == {one.id: one for one in streamed}
    assert all(one == {o.id: o for o in once}[one.id] for one in posted), "repeated as it was"
    for subject in {one.subject for one in once}:
        assert [o.id for o in once if o.subject == subject] == [
            o.id for o in streamed if o.subject == subject
        ]
    moves = [
        (one.subject, one.data.get("stage"))
        for one in once if one.type == "dev.clm.version.moved.v1"
    ]  # fmt: skip
    assert [stage for subject, stage in moves if subject == first] == [
        "SHADOW", "PRODUCTION", "ARCHIVED", "PRODUCTION", "ARCHIVED", "PRODUCTION", "ARCHIVED",
    ]  # fmt: skip
    assert [stage for subject, stage in moves if subject == second] == [
        "SHADOW", "PRODUCTION", "ARCHIVED", "PRODUCTION",
    ]  # fmt: skip
    types = [one.type for one in once]
    for kind in ("run.scheduled", "run.started", "run.ended", "drift.changed",
                 "performance.changed", "production.halted", "signal"):  # fmt: skip
        assert f"dev.clm.{kind}.v1" in types
    halts = [one.data["by"] for one in once if one.type == "dev.clm.production.halted.v1"]
    assert halts[0] == "clm-operator"
    assert len(halts) == 2


def _untold(loop: Loop) -> list[Raw]:
    items = [loop.node.json("tsched", NAME), *loop.versions().values()]
    return [one for item in items for one in item.get("status", {}).get("untold", [])]
