"""Plays the pods: runs that pass, fail or take days, and replays, with results in the store."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bench.scale import made_result
from bench.scale.player import layout_of, put_phase, variables_of
from bench.soak.hours import stamp
from bench.soak.world import NAMESPACE, SoakWorld
from clm_api import environment
from clm_api.layout import replay_report
from clm_api.timing import slot_of

Raw = dict[str, Any]
_PASSES = {"sharpe": 2.1, "winRate": 0.6, "profitFactor": 1.9, "maxDrawdown": 0.06}
_FILES = {"report.html": b"h" * 900, "model.ubj": b"m" * 900}
_FAILURES = {70: "Error", 65: "Error", 137: "OOMKilled"}
_SHARE_PASSED, _SHARE_FAILED, _SHARE_LONG = 0.45, 0.12, 0.2
_LONG_H = (3, 60)


@dataclass
class Play:
    """What becomes of one pod."""

    pod: Raw
    ends: datetime
    code: int
    passes: bool
    over: bool = False


class Pods:
    """All pods of the world, moved on by ``step``."""

    def __init__(self, world: SoakWorld, seed: int) -> None:
        self._world, self._seed = world, seed
        self._plays: dict[str, Play] = {}

    def step(self) -> bool:
        """Begin and end what can; return whether anything did."""
        moved = False
        for pod in list(self._world.sight.there["pods"].values()):
            play, now = self._plays.get(pod["metadata"]["uid"]), self._world.hours.now()
            if "deletionTimestamp" in pod["metadata"]:
                continue
            if play is None:
                moved |= self._begin(pod, now)
            elif not play.over and play.ends <= now and (play.code or self._world.has_store):
                self._end(play, now)
                moved = True
        return moved

    def playing(self) -> Iterator[Play]:
        """Pods that work."""
        there = self._world.sight.there["pods"]
        return (p for uid, p in list(self._plays.items()) if not p.over and uid in there)

    def say(self, at: datetime) -> None:
        """Let every pod that works say how far it is, just before a time comes."""
        if not self._world.has_store:
            return
        for play in self.playing():
            uid = play.pod["metadata"]["uid"]
            progress = {"stage": "train", "percent": 50, "lastUpdatedTime": stamp(at)}
            if not _is_replay(play.pod):
                made_result.write(self._world, layout_of(play.pod).progress(uid), progress)

    def _begin(self, pod: Raw, now: datetime) -> bool:
        secrets = {s["metadata"]["name"] for s in list(self._world.sight.there["secrets"].values())}
        wanted = pod["spec"]["containers"][0].get("envFrom", ())
        if any(source["secretRef"]["name"] not in secrets for source in wanted):
            return False
        fate = Random(f"{self._seed}/{pod['metadata']['name']}")
        draw, long = fate.random(), fate.random() < _SHARE_LONG
        code = fate.choice(list(_FAILURES)) if draw < _SHARE_FAILED else 0
        lasts = timedelta(hours=fate.uniform(*_LONG_H)) if long and not _is_replay(pod) else None
        play = Play(pod, now + (lasts or timedelta(0)), code, draw > 1 - _SHARE_PASSED)
        self._plays[pod["metadata"]["uid"]] = play
        put_phase(self._world, pod, "Running", {"running": {"startedAt": stamp(now)}})
        return True

    def _end(self, play: Play, now: datetime) -> None:
        if not play.code:
            self._leave_result(play, now)
        play.over = True
        reason = _FAILURES.get(play.code, "Completed")
        ended = {"exitCode": play.code, "reason": reason, "finishedAt": stamp(now)}
        put_phase(
            self._world, play.pod, "Failed" if play.code else "Succeeded", {"terminated": ended}
        )

    def _leave_result(self, play: Play, now: datetime) -> None:
        if _is_replay(play.pod):
            self._leave_replay(play.pod, now)
            return
        until = now.replace(minute=0, second=0, microsecond=0)
        metrics = _PASSES if play.passes else {}
        made = made_result.Made(stamp(until), metrics, _FILES)
        uid = play.pod["metadata"]["uid"]
        made_result.put(self._world, layout_of(play.pod), uid, made)

    def _leave_replay(self, pod: Raw, now: datetime) -> None:
        told = variables_of(pod)
        task = json.loads(told[environment.REPLAY_TASK])
        report: Raw = {"task": task, "codeRevision": "0", "createdAt": stamp(now)}
        if (champion := task.get("champion")) is not None:
            report["live"] = _replayed(champion, task["slot"])
        if (challenger := task.get("challenger")) is not None:
            look = {
                "bars": 24,
                "metrics": {**_PASSES, "trades": 60},
                "pNotWorse": 1e-6,
                "pWorse": 1,
            }
            report["shadow"] = _replayed(challenger, task["slot"]) | {"looks": [look]}
            if champion is not None:
                report["shadow"]["champion"] = champion["version"]
        slot = slot_of(datetime.fromisoformat(task["slot"]))
        key = replay_report(
            NAMESPACE, told[environment.RUN_SCHEDULE], told[environment.RUN_UID], slot
        )
        made_result.write(self._world, key, report)


def _is_replay(pod: Raw) -> bool:
    return environment.REPLAY_TASK in variables_of(pod)


def _replayed(contender: Raw, slot: str) -> Raw:
    return {
        "version": contender["version"],
        "sha256": contender["sha256"],
        "from": contender["since"],
        "to": slot,
        "bars": 24,
        "metrics": {**_PASSES, "trades": 60},
    }
