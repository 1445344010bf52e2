"""One soak from its seed to its result."""

import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.scale.progress import say
from bench.soak.check import KINDS, Finding, Rests, check
from bench.soak.deeds import Deeds
from bench.soak.drive import Drive
from bench.soak.fleet import FLEET
from bench.soak.growth import Sample, grown
from bench.soak.hours import stamp
from bench.soak.pods import Pods
from bench.soak.story import story
from bench.soak.world import NAMESPACE, SoakWorld

_SHOWN = 12


@dataclass(frozen=True)
class Size:
    """How long and how much."""

    days: int
    schedules: int
    kills: int


@dataclass(frozen=True)
class Result:
    """What a soak counted and found."""

    seed: int
    start: datetime
    size: Size
    figures: dict[str, float]
    findings: list[Finding]
    samples: list[Sample]

    def to_json(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self) | {"start": stamp(self.start)}

    def text(self) -> str:
        """Return what a person reads."""
        lines = [f"seed {self.seed}, {self.size.days} days from {self.start:%Y-%m-%d}"]
        lines += [f"  {name}: {value:g}" for name, value in self.figures.items()]
        counted = Counter(one.kind for one in self.findings)
        for kind in KINDS:
            lines.append(f"  {counted[kind]} × {kind}")
            mine = [one for one in self.findings if one.kind == kind]
            lines += [f"      {one.about}: {one.text}" for one in mine[:_SHOWN]]
        return "\n".join(lines)


def soak(repo: Path, start: datetime, size: Size, seed: int) -> Result:
    """Live through a story and check what was seen."""
    for name in ("aiohttp.server", "asyncio"):  # clients that are killed are no news
        logging.getLogger(name).setLevel(logging.CRITICAL)
    say(f"SEED={seed}, {size.days} days from {start:%Y-%m-%d}")
    names = list(FLEET)[: size.schedules]
    began = time.monotonic()
    with SoakWorld(repo, start) as world:
        deeds = Deeds(world, names)
        until = start + timedelta(days=size.days)
        drive = Drive(world, Pods(world, seed), deeds, until, Random(seed))
        deeds.create()
        world.start()
        drive.run(story(start, size.days, names, size.kills, seed))
        keys = world.minio.keys(NAMESPACE)
        manifests = [key for key in keys if key.endswith("/manifest.json")]
        tombstones = [key for key in keys if key.startswith("tombstones/")]
        findings = check(world.sight, Rests(drive.rests, drive.wrong), manifests, tombstones)
        findings += [Finding("growth", "", what) for what in grown(drive.samples)]
        sight = world.sight
        runs, lives = list(sight.runs.values()), list(sight.lives.values())
        figures = {
            "moments": drive.moments,
            "moments without a rest": drive.restless,
            "schedules, re-created ones too": len(lives),
            "versions": len(runs),
            "of them by hand": sum(run.by_hand for run in runs),
            "ends": sum(run.ended is not None for run in runs),
            "records of skipped slots": sum(len(life.skipped) for life in lives),
            "events": len(sight.events),
            "kills": deeds.kills,
            "starts of the operator": world.starts,
            "minutes": round((time.monotonic() - began) / 60, 1),
        }
    return Result(seed, start, size, figures, findings, drive.samples)
