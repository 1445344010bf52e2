"""Builders: a fleet that has lived for a while, in every state that a page shows."""

import math
from datetime import datetime, timedelta
from typing import Any

from clm_cli.dashboard.files import Equity, File, Found, Wanted
from clm_cli.dashboard.world import Key
from tests.cli.dashboard import worlds
from tests.cli.dashboard.worlds import NAMESPACE, NOW, Raw, simulation, version

VERSIONS = 64
THERE, BEFORE = "btc-eth-58", "btc-eth-41"
_HOURS = 6
_CRITERIA = (
    ("sharpe", "≥", 1.0), ("winRate", "≥", 0.52), ("profitFactor", "≥", 1.3),
    ("maxDrawdown", "≤", 0.15), ("trades", "≥", 50.0), ("psr", "≥", 0.9),
)  # fmt: skip


def schedule(name: str = "btc-eth", namespace: str = NAMESPACE, **status: Any) -> Raw:
    """Build a schedule that the operator has seen."""
    seen: Raw = {"observedGeneration": 1, "nextScheduleTime": iso(NOW + timedelta(hours=2))}
    return worlds.schedule(name, namespace, **(seen | status))


def iso(time: datetime) -> str:
    """Write a time as the API server does."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def slot(number: int) -> datetime:
    """Return the slot of a version by its number: the last one is the newest."""
    return NOW - timedelta(hours=_HOURS * (VERSIONS - number) - 1)


def values(number: int) -> dict[str, float | None]:
    """Return what a version reached: it waves, so that some pass and some fail."""
    wave = math.sin((number - 19) / 5) + 0.3 * math.sin(number * 1.7)
    return {
        "sharpe": 1.1 + 0.9 * wave,
        "winRate": 0.53 + 0.03 * wave,
        "profitFactor": None if number % 17 == 3 else 1.35 + 0.4 * wave,
        "maxDrawdown": 0.12 - 0.04 * wave,
        "trades": float(80 + number % 9),
        "psr": min(0.99, 0.85 + 0.1 * wave),
    }


def judged(owner: Raw, number: int) -> Raw:
    """Build one of the judged versions."""
    found = values(number)
    criteria = [_criterion(found[name], name, sign, limit) for name, sign, limit in _CRITERIA]
    passed = all(row["verdict"] == "Passed" for row in criteria)
    name = f"btc-eth-{number}"
    stage = "CANDIDATE" if passed and number > 55 else "ARCHIVED" if passed else "REJECTED"
    metrics = {k: v for k, v in found.items() if v is not None}
    more: Raw = {
        "metrics": {
            **metrics, "trades": int(found["trades"] or 0),
            "totalReturn": 0.08 + 0.05 * math.sin(number),
            "deflatedSharpe": 0.4, "turnover": 41.0, "exposure": 0.31, "folds": _folds(number),
        },
        "criteria": criteria,
        "phase": "Succeeded",
        "stage": stage,
        "reason": "CriteriaPassed" if passed else "CriteriaFailed",
        "startTime": iso(slot(number)),
        "completionTime": iso(slot(number) + timedelta(minutes=4)),
        "duration": "4m3s",
        "data": {
            "from": iso(slot(number) - timedelta(days=730)), "to": iso(slot(number)),
            "bars": 35040, "gaps": 2, "sha256": f"{number:064x}",
        },
        "trainedUntil": iso(slot(number) - timedelta(hours=25)),
        "artifact": {
            "uri": f"s3://clm/runs/{NAMESPACE}/btc-eth/uid-{number}/manifest.json",
            "sha256": f"{number + 1:064x}", "sizeBytes": 1_912_000,
        },
        "reportUri": f"s3://clm/runs/{NAMESPACE}/btc-eth/uid-{number}/attempts/pod/report.html",
    }  # fmt: skip
    if name == THERE:
        more |= {"stage": "PRODUCTION", "reason": "Promoted", **_promoted(number)}
    if number == VERSIONS - 2:
        more |= {"stage": "SHADOW", "reason": "ShadowStarted", "shadow": _shadow()}
    return version(owner, name, slot=iso(slot(number)), **more)


def _criterion(value: float | None, name: str, sign: str, limit: float) -> Raw:
    good = value is not None and (value >= limit if sign == "≥" else value <= limit)
    row: Raw = {"name": name, "operator": sign, "threshold": limit}
    if value is None:
        row["message"] = f"{name} is undefined: no losses"
    else:
        row["value"] = value
    return row | {"verdict": "Passed" if good else "Failed"}


def _folds(number: int) -> list[Raw]:
    begin = slot(number) - timedelta(days=730)
    return [
        {
            "fold": fold, "trainFrom": iso(begin),
            "trainTo": iso(begin + timedelta(days=640 + 30 * fold)),
            "testFrom": iso(begin + timedelta(days=641 + 30 * fold)),
            "testTo": iso(begin + timedelta(days=670 + 30 * fold)),
            "sharpe": 1.4 - fold * 1.1, "totalReturn": 0.04 - fold * 0.03, "trades": 24 + fold,
            "buyAndHoldSharpe": 0.3,
        }
        for fold in range(3)
    ]  # fmt: skip


def _promoted(number: int) -> Raw:
    at = iso(slot(number) + timedelta(hours=2))
    return {
        "history": [
            {
                "stage": "CANDIDATE", "at": iso(slot(number)), "by": "clm-operator",
                "reason": "passed",
            },
            {"stage": "PRODUCTION", "at": at, "by": "alice", "reason": "better out of sample"},
        ],
        "promotion": {
            "stage": "PRODUCTION", "at": at, "by": "alice", "reason": "better out of sample",
            "replaced": BEFORE, "outcome": "Promoted", "message": "in production",
        },
    }  # fmt: skip


def _shadow() -> Raw:
    return {
        "since": iso(slot(VERSIONS - 2)), "champion": THERE, "bars": 9, "trades": 1, "sharpe": 0.7,
        "championSharpe": 0.4, "message": "9 of 168 bars; the first look is after 168",
    }  # fmt: skip


def lived() -> list[Raw]:
    """Return a schedule with 64 versions, one of them running."""
    since = slot(58) + timedelta(hours=2)
    look = {"version": THERE, "slot": iso(NOW), "since": iso(since)}
    owner = schedule(
        scheduleText="0 */6 * * *",
        nextScheduleTime=iso(NOW + timedelta(hours=5)),
        lastRun={
            "name": f"btc-eth-{VERSIONS}", "trigger": "Scheduled", "phase": "Running",
            "stage": "TRAINING", "reason": "TrainingStarted",
        },
        active=[{"name": f"btc-eth-{VERSIONS}", "phase": "Running"}],
        production={
            "version": THERE, "since": iso(since), "approvedBy": "alice",
            "reason": "better out of sample",
            "artifact": {"uri": "s3://clm/x/manifest.json", "sha256": "1" * 64},
            "live": {
                "bars": 31, "to": iso(NOW), "trades": 3, "sharpe": 0.61, "totalReturn": 0.0123,
                "maxDrawdown": 0.011,
            },
        },
        previous=[
            {
                "version": "btc-eth-20", "from": iso(slot(21)), "to": iso(slot(44)), "by": "bob",
                "reason": "first one that passed",
            },
            {
                "version": BEFORE, "from": iso(slot(44)), "to": iso(slot(52)), "by": "bob",
                "reason": "newer bars", "emptied": {"by": "carol", "reason": "exchange was away"},
            },
        ],
        performance={
            **look, "verdict": "AsPromised", "from": iso(since), "to": iso(NOW), "bars": 31,
            "sharpe": 0.61, "promisedSharpe": 0.9, "cusum": 0.004, "cusumLimit": 0.05,
            "drawdown": 0.011, "maxDrawdown": 0.15,
            "message": "it earns what was promised, or not clearly less",
        },
        drift={
            **look, "verdict": "Steady", "windowBars": 168, "exceeded": 0, "of": 4,
            "message": "the newest windows look like the training",
        },
        skipped=[
            {
                "from": iso(slot(30)), "to": iso(slot(33)), "count": 4,
                "reason": "ConcurrencyForbid",
                "message": "the run before was still going", "at": iso(slot(34)),
            }
        ],
    )  # fmt: skip
    running = version(
        owner, f"btc-eth-{VERSIONS}", slot=iso(slot(VERSIONS)), phase="Running", stage="TRAINING",
        reason="TrainingStarted", startTime=iso(slot(VERSIONS)),
        progress={
            "stage": "train", "percent": 42, "etaSeconds": 90, "message": "fold 2 of 3",
            "lastUpdatedTime": iso(NOW),
        },
    )  # fmt: skip
    versions = [judged(owner, n) for n in range(1, VERSIONS) if not 30 <= n <= 33]
    failed = version(
        owner, "btc-eth-failed", slot=iso(slot(20) + timedelta(hours=1)), phase="Failed",
        stage="FAILED", reason="DataGapTooLong", message="BTC/USDT lacks 12 bars in a row",
    )  # fmt: skip
    return [owner, *versions, failed, running]


def fleet() -> list[Raw]:
    """Return schedules in every other state, and simulations."""
    look = {"version": "degraded-1", "slot": iso(NOW), "since": iso(NOW - timedelta(days=2))}
    there = {
        "version": "degraded-1", "since": iso(NOW - timedelta(days=20)), "approvedBy": "bob",
        "reason": "try it", "artifact": {"uri": "s3://clm/y/manifest.json", "sha256": "2" * 64},
    }  # fmt: skip
    degraded = schedule(
        "degraded",
        production=there,
        performance={
            **look, "verdict": "Degraded", "cause": "Cusum", "from": iso(NOW), "to": iso(NOW),
            "bars": 480, "sharpe": -1.2, "promisedSharpe": 0.8,
            "message": "its shortfall added up to more than 5.00%, which the promise allows",
        },
        drift={**look, "verdict": "Drifted", "message": "4 of 4 windows differ: volatility_24"},
    )  # fmt: skip
    halted = schedule(
        "halted",
        "research",
        halted={
            "version": "halted-7", "since": iso(NOW - timedelta(hours=3)), "by": "alice",
            "reason": "exchange maintenance",
        },
    )  # fmt: skip
    held = schedule(
        "held",
        held=[
            {
                "name": "held-1", "slot": iso(NOW), "reason": "RunRejected",
                "message": 'exceeded quota: pods "4"', "since": iso(NOW - timedelta(hours=1)),
            }
        ],
    )  # fmt: skip
    queued = schedule("queued", active=[{"name": "queued-1", "phase": "Pending"}])
    waiting = version(
        queued, "queued-1", phase="Pending", stage="TRAINING", reason="Queued",
        message="insufficient unused quota for nvidia.com/gpu in flavor h200",
        queue={
            "name": "training", "workload": "job-queued-1", "state": "Queued", "position": 3,
            "since": iso(NOW - timedelta(minutes=12)), "preemptions": 1,
            "message": "insufficient unused quota for nvidia.com/gpu in flavor h200",
        },
    )  # fmt: skip
    trouble = schedule(
        "trouble",
        conditions=[
            {
                "type": "Ready", "status": "False", "reason": "DataSourceUnavailable",
                "message": "binance has not answered for 40 minutes",
                "lastTransitionTime": iso(NOW), "observedGeneration": 1,
            }
        ],
    )  # fmt: skip
    return [degraded, halted, held, queued, waiting, trouble, *simulations()]


def simulations() -> list[Raw]:
    """Return one that has ended and one that goes on."""
    done: list[dict[str, Any]] = [
        {
            "name": name, "phase": "Succeeded", "slots": 365, "trained": 365, "failed": 2,
            "passed": passed, "promotions": 9, "totalReturn": earned, "sharpe": sharpe,
            "maxDrawdown": 0.14, "buyAndHold": 0.31,
        }
        for name, passed, earned, sharpe in (
            ("as-is", 80, 0.11, 0.71), ("deep", 92, 0.19, 1.05), ("strict", 31, 0.04, 0.4),
        )
    ]  # fmt: skip
    ended = simulation(
        "choice", phase="Succeeded", reason="Simulated", slots=1095, trained=1095, percent=100,
        startTime=iso(NOW - timedelta(hours=9)), completionTime=iso(NOW - timedelta(hours=2)),
        variants=done, best="deep", totalReturn=0.19, sharpe=1.05, overfittingProbability=0.62,
        artifact={"uri": "s3://clm/sim/manifest.json", "sha256": "3" * 64, "sizeBytes": 9000},
        reportUri="s3://clm/sim/report.html", message="3 variants of 365 slots",
    )  # fmt: skip
    going = simulation(
        "going", phase="Running", reason="Simulating", slots=1095, trained=400, percent=36,
        startTime=iso(NOW - timedelta(hours=1)),
        estimatedCompletionTime=iso(NOW + timedelta(hours=2)),
        variants=[{"name": "as-is", "phase": "Running", "slots": 365, "trained": 200}],
    )  # fmt: skip
    return [ended, going]


def stored() -> dict[Wanted, Found]:
    """Return what a store would hold of the schedule's files."""
    hours = [NOW.timestamp() - 3600 * hour for hour in range(31, -1, -1)]
    live = Equity(tuple(hours), tuple(1 + 0.0123 * math.sin(i / 14) for i in range(len(hours))))
    days = [slot(58).timestamp() - 3600 * hour for hour in range(90 * 24, 0, -1)]
    past = [1.0]
    for place in range(len(days) - 1):
        past.append(past[-1] * (1 + 0.00004 + 0.003 * math.sin(place * 12.9898)))
    backtest = Found(equity=Equity(tuple(days), tuple(past)))
    said = '"time":"2025-12-02T11:00:00+00:00","level":"info","stage":"fetch","message":"ok"'
    log = f"{{{said}}}\nplain\n".encode()
    files = {Wanted(Key(NAMESPACE, "btc-eth"), File.REPLAYS): Found(equity=live)}
    for name in (THERE, BEFORE, "btc-eth-57"):
        files[Wanted(Key(NAMESPACE, name), File.EQUITY)] = backtest
        files[Wanted(Key(NAMESPACE, name), File.LOG)] = Found(content=log)
    return files
