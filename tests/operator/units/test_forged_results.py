"""A result that can't be ends ArtifactCorrupt at once: no status is written that can't be."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_api.model_version import ModelVersionStatus
from clm_api.replay import ReplayReport
from clm_api.schedule_status import TrialsStatus
from clm_operator.findings import CorruptReport, Report, ReportRead
from clm_operator.mirror.objects import Version
from clm_operator.slots import tries
from clm_operator.store.results import ArtifactReader
from tests.operator.units import builders as b
from tests.operator.units.test_reader import FOLD, METRICS, Stored, stored

__all__ = ["stored"]
Raw = dict[str, Any]
Change = Callable[[Raw, list[Raw], Raw], object]
"""Forges metrics.json, folds.json and the manifest."""
LONG = "x" * 5000


def ended(version: Version, found: ReportRead) -> b.Seen:
    """Return a round's view of a run whose Job has completed."""
    jobs = {version.name: b.job(condition=("Complete", ""))}
    return b.seen(version, jobs=jobs, reports={version.name: found})


def metric(name: str, value: object) -> Change:
    """Forge a metric."""
    return lambda metrics, _folds, _manifest: metrics["metrics"].update({name: value})


def top(name: str, value: object) -> Change:
    """Forge a field of metrics.json."""
    return lambda metrics, _folds, _manifest: metrics.update({name: value})


def fold_of(name: str, value: object) -> Change:
    """Forge a field of the first fold."""
    return lambda _metrics, folds, _manifest: folds[0].update({name: value})


def listed(name: str, value: object) -> Change:
    """Forge a field of the manifest."""
    return lambda _metrics, _folds, manifest: manifest.update({name: value})


def data(name: str, value: object) -> Change:
    """Forge a field of the manifest's data."""
    return lambda _metrics, _folds, manifest: manifest["data"].update({name: value})


@dataclass(frozen=True)
class Forged:
    name: str
    change: Change
    says: str


FORGED = [
    Forged("a Sharpe ratio of 1e200", metric("sharpe", 1e200), "sharpe: 1e+200 is outside"),
    Forged("a Sharpe ratio just beyond", metric("sharpe", 10001), "sharpe: 10001 is outside"),
    Forged("a Sharpe ratio as text", metric("sharpe", "high"), "metrics.sharpe"),
    Forged("a list as metric", metric("sharpe", [1.0]), "metrics.sharpe"),
    Forged("a win rate above 1", metric("winRate", 1.5), "winRate: 1.5 is outside 0 to 1"),
    Forged("a negative win rate", metric("winRate", -0.1), "winRate"),
    Forged("a negative drawdown", metric("maxDrawdown", -0.5), "maxDrawdown"),
    Forged("a negative profit factor", metric("profitFactor", -1), "profitFactor"),
    Forged("a probability above 1", metric("psr", 2), "psr"),
    Forged("a fraction of a trade", metric("trades", 60.5), "trades: 60.5 is not a whole number"),
    Forged("a negative number of trades", metric("trades", -60), "trades"),
    Forged("more trades than any integer", metric("trades", 1e30), "trades"),
    Forged("a return beyond all money", metric("totalReturn", -1e300), "totalReturn"),
    Forged("an unknown metric beyond all bounds", metric("mine", 1e13), "mine"),
    Forged("a metric with a huge name", metric(LONG, 1.0), "metrics"),
    Forged("100 metrics", lambda m, _f, _l: m["metrics"].update({f"m{n}": 1 for n in range(100)}),
           "at most 64"),
    Forged("a huge reason why a metric is undefined", top("undefined", {"sortino": LONG}),
           "undefined.sortino"),
    Forged("a reason that is no text", top("undefined", {"sortino": 5}), "undefined.sortino"),
    Forged("a negative number of bars", top("bars", -1), "bars"),
    Forged("more bars than any integer", top("bars", 10**30), "bars"),
    Forged("a moment of 1e300", top("kurtosis", 1e300), "kurtosis"),
    Forged("a date that is none", top("trainedUntil", "yesterday"), "trainedUntil"),
    Forged("an unknown field", top("comment", "hello"), "comment"),
    Forged("a fold's Sharpe ratio of 1e200", fold_of("sharpe", 1e200), "folds.json: 0: sharpe"),
    Forged("a fold with more trades than any integer", fold_of("trades", 10**30),
           "folds.json: 0: trades"),
    Forged("a fold with a fraction of a trade", fold_of("trades", 1.5), "folds.json: 0.trades"),
    Forged("a fold's number beyond all", fold_of("fold", 10**6), "folds.json: 0.fold"),
    Forged("60 folds", lambda _m, folds, _l: folds.extend([FOLD] * 59), "at most 50"),
    Forged("an image with a huge name", listed("image", LONG), "image"),
    Forged("a huge list of libraries", listed("libraries", {f"l{n}": "1" for n in range(99)}),
           "libraries"),
    Forged("a library with a huge version", listed("libraries", {"numpy": LONG}), "libraries"),
    Forged("a huge seed", listed("seed", 10**40), "seed"),
    Forged("an attempt with a huge name", listed("attempt", LONG), "attempt"),
    Forged("more bars in the manifest than any integer", data("bars", 10**30), "data.bars"),
    Forged("a huge note", data("notes", [LONG]), "data.notes.0"),
    Forged("1000 notes", data("notes", ["x"] * 1000), "data.notes"),
    Forged("a digest that is none", data("sha256", "0"), "data.sha256"),
]  # fmt: skip


@pytest.mark.parametrize("case", FORGED, ids=attrgetter("name"))
async def test_a_forged_result_is_corrupt(stored: Stored, case: Forged) -> None:
    metrics, folds = json.loads(json.dumps(METRICS)), [dict(FOLD)]
    case.change(metrics, folds, stored.manifest)
    stored.put("metrics.json", json.dumps(metrics).encode(), listed=True)
    stored.put("folds.json", json.dumps(folds).encode(), listed=True)
    found = await stored.read()
    assert isinstance(found, CorruptReport)
    assert case.says in found.message
    assert len(found.message) < 4096
    version = b.version()
    outcome = b.came_of(version, ended(version, found), b.settings())
    assert outcome.status.reason == "ArtifactCorrupt"
    ModelVersionStatus.model_validate(outcome.status.to_json_dict())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("a date of the year 1", {"trainedUntil": "0001-01-01T00:00:00Z"}),
        ("a deflated Sharpe ratio without the probabilistic one",
         {"metrics": {**b.GOOD, "deflatedSharpe": 0.99}}),
        ("no metrics at all", {"metrics": {}}),
        ("a metric that nobody knows", {"metrics": {**b.GOOD, "mine": 3.0}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_is_odd_but_can_be_is_judged(stored: Stored, name: str, changes: Raw) -> None:
    stored.put("metrics.json", json.dumps(METRICS | changes).encode(), listed=True)
    found = await stored.read()
    assert isinstance(found, Report), name
    version = b.version()
    outcome = b.came_of(version, ended(version, found), b.settings())
    assert outcome.status.phase == "Succeeded"
    wire = outcome.status.to_json_dict()
    ModelVersionStatus.model_validate(wire)
    assert wire["trainedUntil"] == (METRICS | changes)["trainedUntil"]


REPLAYS = [
    ("more bars than any integer", {"bars": 10**30}),
    ("a Sharpe ratio of 1e200", {"metrics": {"sharpe": 1e200}}),
    ("a fraction of a trade", {"metrics": {"trades": 0.5}}),
    ("a huge reason", {"undefined": {"sharpe": LONG}}),
]


@pytest.mark.parametrize("part", ["live", "shadow"])
@pytest.mark.parametrize("changes", [c for _, c in REPLAYS], ids=[n for n, _ in REPLAYS])
async def test_a_forged_replay_is_corrupt(part: str, changes: Raw) -> None:
    replay = {
        "version": "btc-1", "sha256": "0" * 64, "from": b.stamp(b.NOW), "to": b.stamp(b.NOW),
        "bars": 3,
    }  # fmt: skip
    report = {
        "task": {"slot": b.stamp(b.NOW)}, "codeRevision": "1", "createdAt": b.stamp(b.NOW),
    }  # fmt: skip
    store = MemoryStore()
    store.put("fine.json", json.dumps(report | {part: replay}).encode(), use_multipart=False)
    store.put("bad.json", json.dumps(report | {part: replay | changes}).encode(),
              use_multipart=False)  # fmt: skip
    reader = ArtifactReader(store)
    assert isinstance(await reader.replay("fine.json"), ReplayReport)
    assert isinstance(await reader.replay("bad.json"), CorruptReport)


def test_tries_leave_out_what_cant_be() -> None:
    good, wild = (
        b.version(name, status={"phase": "Succeeded", "metrics": {"sharpe": sharpe}})
        for name, sharpe in (("btc-1", 1.0), ("btc-2", 1e200))
    )
    counted = tries.count(TrialsStatus(), [good, wild])
    assert (counted.total, counted.measured, counted.mean_sharpe) == (2, 1, 1.0)
    poisoned = TrialsStatus(total=9, measured=4, mean_sharpe=1e200, sharpe_variance=1e300)
    again = tries.count(poisoned, [good])
    assert (again.total, again.measured, again.mean_sharpe) == (10, 1, 1.0)
    told = tries.frozen([poisoned, counted], 8766.0)
    assert (told.count, told.sharpe_variance) == (12, None)
