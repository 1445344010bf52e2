"""A replay from a store with real runs to its report."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.replay import ReplayTask
from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.scores import score_of
from clm_trainer.monitoring import contenders, job
from clm_trainer.serving.model import load, served
from clm_trainer.serving.newest import newest_bars
from clm_trainer.storage import Storage
from tests.support.attempts import change_json, rewrite
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    CHAMPION_UNTIL,
    Interrupts,
    contender,
    folder_of,
    layout_of,
    path_of,
    report_of,
    task_of,
)


def total_return(store: Storage, name: str, task: ReplayTask, start: pd.Timestamp) -> float:
    """What a bot's decisions since the training earn on the bars from ``start`` on, from flat."""
    model = load(store.address(layout_of(name).manifest))
    panel = newest_bars(model, store, pd.Timestamp(task.slot))
    decided = model.decide(panel)
    bars = int((panel.times >= start).sum())
    window, targets = panel.window(len(panel) - bars, len(panel)), decided.targets[-bars:]
    scores = score_of(backtest.run(Play(window, targets, model.spec.cost_bps)), RunTrials())
    return scores.metrics["totalReturn"]


def test_both_versions_are_replayed_on_the_bars_after_their_training(store: Storage) -> None:
    task = task_of(store)
    report = report_of(store, task)
    live, shadow = report.live, report.shadow
    assert live is not None
    assert shadow is not None
    assert (live.version, shadow.version, shadow.champion) == ("champion", "challenger", "champion")
    assert (live.from_, live.bars) == (CHAMPION_UNTIL, 15 * 24)
    assert (shadow.from_, shadow.bars) == (CHALLENGER_UNTIL, 24)
    assert live.to == shadow.to == CHALLENGER_UNTIL + timedelta(hours=23)
    for replayed in (live, shadow):
        start = pd.Timestamp(replayed.from_)
        expected = total_return(store, replayed.version, task, start)
        assert replayed.metrics["totalReturn"] == expected != 0
    assert (shadow.replayed_bars, shadow.replay_mismatch, shadow.mismatch_at) == (24, 0.0, None)
    assert (report.problems, report.notes) == ([], [])


@dataclass(frozen=True)
class Since:
    name: str
    after: timedelta
    first: timedelta
    bars: int


SINCE = [
    Since("in the middle of a bar: that bar is the first", timedelta(hours=5, minutes=20),
          timedelta(hours=5), 19),
    Since("before the training ended: the first bar after it", timedelta(hours=-500),
          timedelta(0), 24),
    Since("the newest closed bar", timedelta(hours=23, minutes=59), timedelta(hours=23), 1),
    Since("a bar that has not closed yet", timedelta(hours=24, minutes=3), timedelta(hours=24), 0),
]  # fmt: skip


@pytest.mark.parametrize("case", SINCE, ids=attrgetter("name"))
def test_the_champion_counts_since_it_came_into_production(case: Since, store: Storage) -> None:
    champion = contender(store, "challenger", CHALLENGER_UNTIL + case.after)
    live = report_of(store, task_of(store, champion=champion, challenger=None)).live
    assert live is not None
    assert (live.from_, live.bars) == (CHALLENGER_UNTIL + case.first, case.bars)
    assert live.to == CHALLENGER_UNTIL + timedelta(hours=23)
    assert bool(live.metrics) == bool(live.bars)


def test_a_shadow_test_without_any_bar_yet(store: Storage) -> None:
    shadow = report_of(store, task_of(store, bars=0)).shadow
    assert shadow is not None
    assert (shadow.bars, shadow.metrics, shadow.looks, shadow.replayed_bars) == (0, {}, [], 0)
    assert shadow.to < shadow.from_


def test_without_a_champion_there_is_nothing_to_compare_with(store: Storage) -> None:
    report = report_of(store, task_of(store, champion=None))
    assert report.live is None
    assert report.shadow is not None
    assert report.shadow.champion is None
    look = report.shadow.looks[0]
    assert (look.champion_sharpe, look.p_not_worse, look.p_worse, look.problem) == (*[None] * 3, "")


def _tampered(run: Path) -> None:
    model = next(run.rglob("model.ubj"))
    model.write_bytes(model.read_bytes()[:-1] + b" ")


def _other_manifest(run: Path) -> None:
    (run / "manifest.json").write_text((run / "manifest.json").read_text() + " ")


def _of_an_absent_package(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["packages"] = {"absent-package": {"version": "1.0", "sha256": "0" * 64}}
    (run / "manifest.json").write_text(json.dumps(manifest))


@dataclass(frozen=True)
class Broken:
    name: str
    change: Callable[[Path], None]
    said: str
    signed: bool = False
    reason: str = "ArtifactCorrupt"


BROKEN = [
    Broken("a file differs from its digest", _tampered, "model.ubj is not what its manifest says"),
    Broken("the manifest differs from the judged one", _other_manifest, "is not the one that was"),
    Broken("there is no manifest", lambda run: (run / "manifest.json").unlink(), "files are gone"),
    Broken("other feature code", lambda run: rewrite(
        run, "features.json", change_json(lambda f: f | {"codeHash": "0" * 64})),
        "other feature code", signed=True),
    Broken("a field that this trainer does not know", lambda run: rewrite(
        run, "run.json", change_json(lambda f: f | {"spec": f["spec"] | {"new": 1}})),
        "another version of the trainer", signed=True),
    Broken("an own package that this image does not have", _of_an_absent_package,
           "absent-package 1.0, which is not installed here", signed=True, reason="SpecInvalid"),
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=attrgetter("name"))
@pytest.mark.parametrize("name", ["champion", "challenger"])
def test_a_version_that_is_broken_leaves_the_other_ones_figures(
    name: str, broken: Broken, store: Storage
) -> None:
    task = task_of(store)
    broken.change(folder_of(store, name))
    if broken.signed:
        task = task_of(store)
    report = report_of(store, task)
    (problem,) = report.problems
    assert (problem.version, problem.reason) == (name, broken.reason)
    assert broken.said in problem.message
    if name == "challenger":
        assert report.shadow is None
        assert report.live is not None
        assert report.live.bars
        return
    assert report.live is None
    assert report.shadow is not None
    assert report.shadow.champion == "champion", "something is in production all the same"
    assert report.shadow.looks[0].metrics
    assert broken.said in report.shadow.looks[0].problem
    assert report.shadow.looks[0].p_not_worse is None


def test_a_family_that_the_image_lacks_is_a_problem_of_that_version(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_torch(artifact: Any) -> Any:
        if "champion" in artifact.address:
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return served(artifact)

    monkeypatch.setattr(contenders, "served", without_torch)
    report = report_of(store, task_of(store))
    assert [(p.version, p.reason) for p in report.problems] == [("champion", "SpecInvalid")]
    assert "this image has no torch" in report.problems[0].message
    assert report.shadow is not None


def test_metrics_that_are_no_numbers_are_a_problem_of_that_version(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rejected(*_: object) -> None:
        raise ClmError(Reason.METRICS_REJECTED, "sharpe is not a finite number")

    monkeypatch.setattr(job, "live", rejected)
    report = report_of(store, task_of(store))
    assert [(p.version, p.reason) for p in report.problems] == [("champion", "MetricsRejected")]
    assert report.live is None
    assert report.shadow is not None
    assert "5 blocks" in report.shadow.looks[0].problem, "compared all the same"


def test_nothing_that_can_be_replayed_is_a_report_too(store: Storage) -> None:
    for name in ("champion", "challenger"):
        _tampered(folder_of(store, name))
    report = report_of(store, task_of(store))
    assert (report.live, report.shadow, len(report.problems)) == (None, None, 2)


def test_a_report_is_written_once(store: Storage) -> None:
    task = task_of(store)
    store.put(path_of(task), b"of another pod")
    with pytest.raises(ValueError, match="Invalid JSON"):
        report_of(store, task)
    assert store.get(path_of(task)) == b"of another pod"


@pytest.mark.parametrize("after", [0, 2, 4, 7], ids="told to stop at question {}".format)
def test_it_stops_where_it_is_told_to(after: int, store: Storage) -> None:
    task, stop = task_of(store), Interrupts([], after)
    with pytest.raises(ClmError, match="told to stop during") as caught:
        report_of(store, task, stop)
    assert caught.value.reason == "Interrupted"
    assert len(stop.asked) == after + 1, "at the next question"
    assert store.get(path_of(task)) is None


def test_the_report_is_json_for_others(store: Storage) -> None:
    task = task_of(store)
    report_of(store, task)
    content = json.loads(store.get(path_of(task)) or b"")
    assert content["task"]["slot"] == "2025-11-04T00:07:00Z"
    assert content["live"]["from"] == "2025-10-20T00:00:00Z"
    assert content["shadow"]["looks"][1]["bars"] == 24
    assert path_of(task).endswith("/29370247.json")
