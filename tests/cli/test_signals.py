"""``clm signals`` against a real API server: what is in production holds, now and as it changes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import schedule
from tests.support.ports import eventually

Raw = dict[str, Any]
RUNNER = CliRunner(env={"COLUMNS": "160", "TZ": "UTC"})
PRODUCTION = {
    "version": "btc-eth-1", "since": "2025-12-02T06:00:00Z", "approvedBy": "bob", "reason": "good",
    "artifact": {"uri": "s3://clm/m.json", "sha256": "0" * 64},
}  # fmt: skip


def decided(*positions: float, until: str = "2999-12-02T13:00:00Z", **more: Any) -> Raw:
    held = zip(("BTC/USDT", "ETH/USDT"), positions, strict=True)
    return {
        "version": "btc-eth-1", "sha256": "0" * 64, "bar": "2025-12-02T05:00:00Z",
        "decidedAt": "2025-12-02T06:00:00Z", "validUntil": until,
        "positions": [{"symbol": s, "position": p} for s, p in held],
    } | more  # fmt: skip


FLAT: Raw = {"version": None, "sha256": None, "bar": None, "validUntil": None}
SHOWN: list[tuple[str, Raw, list[str]]] = [
    ("two positions", {"production": PRODUCTION, "signal": decided(0.5, -1)},
     ["btc-eth-1  decided Tue 2025-12-02 06:00 UTC, valid until Mon 2999-12-02 13:00 UTC",
      "BTC/USDT  0.5", "ETH/USDT  -1"]),
    ("their time is over", {"production": PRODUCTION,
                            "signal": decided(0, 0, until="2025-12-02T13:00:00Z")},
     ["BTC/USDT  0", "their time is over: a newer decision is due"]),
    ("production was emptied", {"signal": decided(0, 0, **FLAT)},
     ["nothing in production  decided Tue 2025-12-02 06:00 UTC\n", "ETH/USDT  0"]),
    ("a version that has not decided", {"production": PRODUCTION},
     ["btc-eth: btc-eth-1 has not decided yet"]),
    ("nothing was ever in production", {}, ["btc-eth: nothing is in production"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "lines"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN]
)
def test_the_newest_positions_are_shown(status: Raw, lines: list[str], api: Namespace) -> None:
    said: Raw = {k: _present(v) for k, v in status.items()}
    api.put(schedule(**said))
    result = RUNNER.invoke(app, ["signals", "btc-eth"], catch_exceptions=False)
    for line in lines:
        assert line in result.output


def _present(value: Raw) -> Raw:
    return {k: v for k, v in value.items() if v is not None}


def test_programs_get_the_same(api: Namespace) -> None:
    api.put(schedule(production=PRODUCTION, signal=decided(0.25, 0)))
    result = RUNNER.invoke(app, ["signals", "btc-eth", "-o", "json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found == decided(0.25, 0) | {"schedule": "btc-eth", "isOver": False}


def test_who_follows_sees_each_decision_once_until_interrupted(
    api: Namespace, tmp_path: Path
) -> None:
    api.put(schedule(production=PRODUCTION, signal=decided(0.25, 0)))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "clm_cli", "signals", "btc-eth", "-f", "-o", "json"]
    with out.open("wb") as file:
        environment = {"KUBECONFIG": str(api.kubeconfig(tmp_path / "config")), "PATH": "/bin"}
        process = subprocess.Popen(command, env=environment, stdout=file)
    try:
        seen: Callable[[], list[Raw]] = lambda: documents(out.read_text())  # noqa: E731
        eventually(lambda: len(seen()) == 1, "what is there is shown", 60)
        for change in ({"lastScheduleTime": "2025-12-02T06:00:00Z"}, {"signal": decided(1, 0.5)},
                       {"signal": decided(0, 0.5)}):  # fmt: skip
            api.put(schedule() | {"status": change})
        eventually(lambda: len(seen()) == 3, "two more decisions", 30)
        held = [[one["position"] for one in made["positions"]] for made in seen()]
        assert held == [[0.25, 0], [1, 0.5], [0, 0.5]]
    finally:
        process.terminate()
        process.wait(10)


def documents(text: str) -> list[Raw]:
    """Return the JSON documents of a text, one after the other."""
    found, decoder, rest = list[Raw](), json.JSONDecoder(), text.strip()
    while rest:
        try:
            one, end = decoder.raw_decode(rest)
        except json.JSONDecodeError:
            break  # half of it is written
        found.append(one)
        rest = rest[end:].lstrip()
    return found
