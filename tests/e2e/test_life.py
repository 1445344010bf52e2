"""From a first run to a rollback in mode Automatic: real pods, a person without rights, later bars.

The operator is the real one under its own account, but runs beside the node, on a clock that moves
with the exchange's: a week of shadow tests takes minutes.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.layout import production_pointer
from clm_trainer.storage import Storage
from tests.e2e.conftest import NAMESPACE, Node
from tests.support.fake_exchange import FakeExchange, Listing
from tests.support.fake_exchange.listings import frame_of
from tests.support.moved_operator import MovedOperator, account, moved_operator
from tests.support.ports import eventually
from tests.support.repository import ROOT
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAME = "life"
HOST = "10.244.0.1"
"""This machine as pods see it."""
DAYS, BARS_A_DAY, CYCLE = 205, 96, 12
LENIENT = {"minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0, "maxDrawdown": 1}
GOOD = {
    "horizonBars": 3, "entryPercentile": 0.6, "minHoldBars": 1, "takeProfitSigmas": 10,
    "stopLossSigmas": 10, "volatilityTarget": 3,
}  # fmt: skip
POOR = GOOD | {"maxWeight": 0.02}
"""Sees the same, and lets nearly all of it pass."""
LONG_ENOUGH = timedelta(days=1, hours=1, minutes=30)
"""A look's bars, and at most one interval until the next replay."""


def waves(now: datetime) -> dict[str, pd.DataFrame]:
    """Return bars that turn every hour and a half: past and future of the test."""
    start = (now - timedelta(days=DAYS - 8)).replace(hour=0, minute=0, second=0, microsecond=0)
    turns = np.sin(2 * np.pi * np.arange(DAYS * BARS_A_DAY) / CYCLE)
    returns = 0.006 * turns + np.random.default_rng(7).normal(0, 0.001, len(turns))
    return {"15m": frame_of(returns, "15m", start.isoformat(), 7)}


@pytest.fixture
def moved(release: Node, tmp_path: Path) -> Iterator[MovedOperator]:
    now = datetime.now(UTC)
    with (
        FakeExchange([Listing("SYNWAVE", waves(now))], now).serve(HOST) as exchange,
        moved_operator(release, exchange, tmp_path) as operator,
    ):
        yield operator


def wanted(target: Raw) -> Raw:
    return schedule(
        NAME, NAMESPACE, interval="9000d", target=target,
        model={"family": "xgboost", "xgboost": {"rounds": 30}},
        data={
            "symbols": ["SYNWAVE/USDT"], "timeframe": "15m", "lookbackDays": 187,
            "refresh": "Auto",
        },
        evaluation={"periodDays": 7},
        promotion={
            "mode": "Automatic", "criteria": LENIENT | {"minTrades": 0},
            "shadow": {"minBars": BARS_A_DAY, "minTrades": 0, "maxDays": 1},
        },
        monitoring={"interval": "1h", "cooldown": "1h"},
        job={"pendingDeadlineSeconds": 604800, "backoffLimit": 0},
    )  # fmt: skip


def versions(node: Node) -> dict[str, Raw]:
    found = node.json("mv", "-l", f"clm.dev/schedule={NAME}")["items"]
    return {v["metadata"]["name"]: v.get("status", {}) for v in found}


def production(node: Node) -> Raw:
    return dict(node.json("tsched", NAME)["status"].get("production", {}))


def reaches(node: Node, name: str, stage: str) -> Raw:
    """Wait until a version stands there; return its status, or fail with it."""

    def look() -> Raw | None:
        seen.append(versions(node)[name])
        return seen[-1] if seen[-1].get("stage") == stage else None

    seen: list[Raw] = []
    try:
        return eventually(look, f"{name} is {stage}", 240)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says: {seen[-1]}") from error


def train(node: Node, target: Raw, token: str) -> str:
    """Change how the schedule trades and run it by hand; return the new version's name."""
    before = set(versions(node))
    node.apply(wanted(target))
    node.kubectl("annotate", "tsched", NAME, f"clm.dev/run-now={token}", "--overwrite")
    (new,) = eventually(lambda: set(versions(node)) - before, f"a version for {token}")
    return new


def agrees(node: Node, name: str) -> bool:
    """Whether pointer, stages and the store name this version."""
    there = [n for n, s in versions(node).items() if s["stage"] == "PRODUCTION"]
    stored = json.loads(Storage("s3://clm").get(production_pointer(NAMESPACE, NAME)) or b"{}")
    return there == [production(node).get("version")] == [stored.get("version")] == [name]


@pytest.mark.slow
def test_from_candidate_to_production_and_back(
    moved: MovedOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = moved.node
    for key in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, node.environment[key])
    node.apply(wanted(POOR))
    (first,) = eventually(lambda: versions(node), "a first version")
    reaches(node, first, "SHADOW")
    moved.wait(LONG_ENOUGH)
    status = reaches(node, first, "PRODUCTION")
    assert [h["stage"] for h in status["history"]] == ["CANDIDATE", "SHADOW", "PRODUCTION"]
    assert status["promotion"]["by"] == "clm-operator"
    assert status["shadow"]["replayMismatch"] == 0

    better = train(node, GOOD, "better")
    reaches(node, better, "SHADOW")
    moved.wait(LONG_ENOUGH)
    status = reaches(node, better, "PRODUCTION")
    assert status["shadow"]["champion"] == status["promotion"]["replaced"] == first
    assert status["shadow"]["pValue"] <= 0.05
    eventually(lambda: agrees(node, better), f"all name {better}")
    assert versions(node)[first]["stage"] == "ARCHIVED"

    degraded = train(node, POOR, "degraded")
    reaches(node, degraded, "SHADOW")
    moved.wait(LONG_ENOUGH)
    status = reaches(node, degraded, "REJECTED")
    assert status["reason"] == "ShadowFailed"
    assert agrees(node, better)
    assert production(node)["live"]["bars"] > 0

    node.kubectl("create", "serviceaccount", "nobody")
    mine = {"stage": "PRODUCTION", "by": "nobody", "reason": "mine"}
    said = node.kubectl(
        "--kubeconfig", account(node, "nobody", tmp_path), "patch", "mv", first, "--type=merge",
        "-p", json.dumps({"spec": {"request": mine}}), check=False,
    )  # fmt: skip
    assert "forbidden" in said

    clm = (ROOT / ".venv/bin/clm", "rollback", NAME, "-n", NAMESPACE, "--reason", "a bad night")
    said = node.run(*clm)
    assert said.startswith(f"RolledBack: {first} is in production, replaces {better}")
    moved.wait(LONG_ENOUGH)
    eventually(lambda: agrees(node, first), f"all name {first} again")
    assert versions(node)[better]["stage"] == "ARCHIVED", "it does not come back by itself"
    (asked,) = json.loads(
        node.run(ROOT / ".venv/bin/clm", "history", NAME, "-n", NAMESPACE, "--at",
                 production(node)["since"], "-o", "json")
    )  # fmt: skip
    assert (asked["version"], asked["reason"]) == (first, "a bad night")
