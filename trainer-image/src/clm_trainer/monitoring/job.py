"""One replay from a task to its report: read the versions, fetch bars, replay, write."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import TypeVar

import pandas as pd

from clm_api.drift import DriftFinding
from clm_api.errors import ClmError
from clm_api.execution import ExecutionStatus
from clm_api.monitoring import DriftMode, PerformanceMode
from clm_api.performance import PerformanceFinding
from clm_api.replay import (
    Contender,
    Problem,
    Replay,
    ReplayReport,
    ReplayTask,
    ShadowReplay,
)
from clm_api.signal import Signal
from clm_trainer.host import Host
from clm_trainer.monitoring.account import executed
from clm_trainer.monitoring.contenders import market_of, opened, problem
from clm_trainer.monitoring.earning import earning
from clm_trainer.monitoring.fetching import FIGURES_STAND
from clm_trainer.monitoring.replay import live
from clm_trainer.monitoring.shadow import shadow
from clm_trainer.monitoring.signal import newest
from clm_trainer.monitoring.steps import Steps
from clm_trainer.monitoring.stretch import Track
from clm_trainer.monitoring.watch import drift
from clm_trainer.panel import Panel
from clm_trainer.serving.model import ServedModel
from clm_trainer.sources.asked import Asked
from clm_trainer.stages.funding import funding_events
from clm_trainer.storage import Storage

_LOG = logging.getLogger("clm_trainer")
_T = TypeVar("_T")


def run(task: ReplayTask, path: str, host: Host) -> None:
    """Write the report of a replay, unless it is there.

    Parameters
    ----------
    path
        The report's place in the store.

    Raises
    ------
    ClmError
        A step can't be done; the reason decides whether a retry makes sense.
    """
    store = host.store
    if store.get(path) is not None:
        _LOG.info("%s is written already", path, extra={"stage": "report"})
        return
    steps = Steps(host.should_stop, _LOG)
    job = _Job(task, host.data, host.asked, steps)
    with steps.step("load", "reading the published versions"):
        models = job.models()
    with steps.step("fetch", f"bars that closed by {task.slot:%Y-%m-%d %H:%M}"):
        tracks = job.tracks(models)
    with steps.step("replay", "replaying what is in production"):
        in_production = job.live(tracks)
    with steps.step("shadow", "replaying what is in its shadow test"):
        on_trial = job.shadow(tracks)
    with steps.step("performance", "holding results against what was promised"):
        performance = job.performance(tracks, in_production)
    with steps.step("drift", "holding the market against the training's"):
        market = job.drift(tracks)
    with steps.step("execution", "holding the account's fills against the positions"):
        carried_out = job.execution(tracks, in_production)
    with steps.step("signal", "telling the newest positions"):
        positions = job.signal(tracks)
    with steps.step("report", f"writing {path}"):
        report = ReplayReport(
            task=task,
            live=in_production,
            shadow=on_trial,
            drift=market,
            performance=performance,
            execution=carried_out,
            signal=positions,
            problems=job.problems,
            notes=job.notes,
            code_revision=metadata.version("clm-trainer"),
            created_at=host.clock(),
        )
        content = report.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()
        if not store.create(path, content):
            steps.say("another pod was faster: its report stands")
    steps.say(steps.durations())


@dataclass
class _Job:
    """What is found on the way, besides the results: versions with a problem, notes on the bars."""

    task: ReplayTask
    data: Storage
    asked: Asked
    steps: Steps
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def models(self) -> dict[str, ServedModel]:
        """Return the models that can be replayed, by the name of their version."""
        made = {}
        for contender in (self.task.champion, self.task.challenger):
            if contender is None:
                continue
            model = opened(contender)
            if isinstance(model, Problem):
                self._note(model)
            else:
                made[contender.version] = model
                self.steps.say(
                    f"{contender.version}: {model.spec.model.family}, "
                    f"trained until {model.trained_until:%Y-%m-%d %H:%M}"
                )
        return made

    def tracks(self, models: dict[str, ServedModel]) -> dict[str, Track]:
        """Return what is needed for each model's replay."""
        found = market_of(models, self.data, pd.Timestamp(self.task.slot), self.asked)
        self.notes += found.notes
        digests = {
            one.version: one.sha256
            for one in (self.task.champion, self.task.challenger)
            if one is not None
        }
        made = {}
        for name, model in models.items():
            track = Track(name, digests[name], model, found.panels[name])
            every, ends = found.every[name], found.ends[name]
            made[name] = replace(track, events=_events(track, self.data), every=every, ends=ends)
            new = max(0, len(track.panel) - track.row(track.first))
            self.steps.say(f"{name}: {new} bars since its training")
        return made

    def live(self, tracks: dict[str, Track]) -> Replay | None:
        """Replay the champion."""
        champion = self.task.champion
        if champion is None or champion.version not in tracks:
            return None
        return self._unless_rejected(champion, lambda: live(tracks[champion.version], champion))

    def shadow(self, tracks: dict[str, Track]) -> ShadowReplay | None:
        """Replay the challenger, and the champion beside it."""
        challenger, champion = self.task.challenger, self.task.champion
        if challenger is None or challenger.version not in tracks:
            return None
        name = champion.version if champion else ""
        trouble = next((one for one in self.problems if one.version == name), None)
        return self._unless_rejected(
            challenger,
            lambda: shadow(
                tracks[challenger.version],
                tracks.get(name),
                self.task,
                problem=f"the champion can't be replayed: {trouble.message}" if trouble else "",
                check=self.steps.check,
            ),
        )

    def performance(
        self, tracks: dict[str, Track], live: Replay | None
    ) -> PerformanceFinding | None:
        """Hold the champion's results against its backtest's, if the task asks for it."""
        champion, watch = self.task.champion, self.task.watch
        if champion is None or watch is None or live is None:
            return None
        if watch.performance.mode is PerformanceMode.OFF:
            return None
        track = tracks[champion.version]
        return self._unless_rejected(champion, lambda: earning(track, champion, watch))

    def drift(self, tracks: dict[str, Track]) -> DriftFinding | None:
        """Hold the newest bars against the champion's training, if the task asks for it."""
        champion, watch = self.task.champion, self.task.watch
        if champion is None or watch is None or champion.version not in tracks:
            return None
        if watch.drift.mode is DriftMode.OFF:
            return None
        found = drift(tracks[champion.version], watch.drift)
        self.steps.say(f"{champion.version}: {found.verdict}: {found.message}")
        return found

    def execution(self, tracks: dict[str, Track], live: Replay | None) -> ExecutionStatus | None:
        """Hold the account's fills against the champion's positions, if the task asks for it."""
        champion, watch = self.task.champion, self.task.watch
        if champion is None or watch is None or live is None or not watch.own_trades:
            return None
        track = tracks[champion.version]
        return self._unless_rejected(
            champion, lambda: executed(track, champion, self.data, self.asked)
        )

    def signal(self, tracks: dict[str, Track]) -> Signal | None:
        """Tell the champion's newest positions, if the task asks for it."""
        champion, watch, task = self.task.champion, self.task.watch, self.task
        if champion is None or watch is None or champion.version not in tracks:
            return None
        track = tracks[champion.version]
        return self._unless_rejected(champion, lambda: newest(track, champion, task, watch))

    def _unless_rejected(self, contender: Contender, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except ClmError as error:
            if error.reason not in FIGURES_STAND:
                raise
            self._note(problem(contender, error))
            return None

    def _note(self, found: Problem) -> None:
        self.problems.append(found)
        self.steps.say(f"{found.version}: {found.message}")


def _events(track: Track, store: Storage) -> pd.DataFrame | None:
    """Return the funding of the bars after a version's training."""
    later: Panel = track.panel.window(track.row(track.first), len(track.panel))
    return funding_events(track.model.spec, later, store) if len(later) else None
