"""The soak: what its checker finds where something is wrong, and a few days of the real thing."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bench.scale import ROOT
from bench.soak.check import Rests, check
from bench.soak.fleet import ZONES, season
from bench.soak.growth import Sample, grown
from bench.soak.hours import Hours, stamp
from bench.soak.sight import Sight
from bench.soak.slots import Timing, changes
from bench.soak.soak import Size, soak

Raw = dict[str, Any]
INDEPENDENT = ("sight", "slots", "check", "growth", "hours")
DAY = datetime(2027, 3, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_what_finds_faults_shares_no_code_with_the_operator(name: str) -> None:
    tree = ast.parse((ROOT / "bench" / "soak" / f"{name}.py").read_text())
    named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    own = [module.removeprefix("bench.soak.") for module in named if module.startswith("bench")]
    assert not [module for module in named if module.startswith(("clm_", "tests"))]
    assert set(own) <= set(INDEPENDENT)


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        ("30 2 * * *", "America/New_York", "2027-03-14", ["07:00"]),
        ("30 1 * * *", "America/New_York", "2027-11-07", ["05:30"]),
        ("30 * * * *", "America/New_York", "2027-11-07", [f"{h:02}:30" for h in range(24)]),
        ("30 2 * * *", "Europe/Berlin", "2027-03-28", ["01:00"]),
        ("0,30 1-2 * * 0", "Europe/Berlin", "2027-03-28", ["00:00", "00:30", "01:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2027-04-03", ["14:45"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2027-10-02", ["15:30"]),
        ("15 4 1,15 * 1", "Etc/UTC", "2027-03-15", ["04:15"]),
        ("15 4 1,15 * 1", "Etc/UTC", "2027-03-16", []),
        ("@daily", "Etc/UTC", "2027-03-16", ["00:00"]),
    ],
    ids=[
        "a skipped time comes when the clocks are moved",
        "a repeated time comes once",
        "a line for every hour counts hours as they pass",
        "skipped in Berlin",
        "two skipped times are one",
        "half an hour repeated",
        "half an hour skipped",
        "one of two day fields fits",
        "none of them fits",
        "a name",
    ],
)
def test_the_checker_reads_cron_lines_by_itself(
    cron: str, zone: str, day: str, expected: list[str]
) -> None:
    start = at(day)
    found = Timing(cron, None, zone, suspend=False).between(
        start - timedelta(minutes=1), start + timedelta(hours=23, minutes=59), start
    )
    assert [f"{slot:%H:%M}" for slot in found] == expected


def test_an_interval_counts_from_the_minute_of_creation() -> None:
    timing = Timing(None, "18h", "Etc/UTC", suspend=False)
    found = timing.between(DAY, DAY + timedelta(days=2), DAY - timedelta(hours=5, seconds=-7))
    assert found == [DAY + timedelta(hours=13), DAY + timedelta(hours=31)]


def test_a_season_has_a_change_of_every_zones_clocks() -> None:
    start = season(DAY - timedelta(days=60), 60)
    end = start + timedelta(days=60)
    assert [len(changes(zone, start, end)) for zone in ZONES] == [1, 1, 1]


def test_the_machines_times_are_moved_by_the_jump_after_which_they_were_written(
    tmp_path: Path,
) -> None:
    hours = Hours(tmp_path / "ahead", datetime.now(UTC) + timedelta(days=100))
    before = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    hours.jump(hours.now() + timedelta(days=1))
    after = before + timedelta(seconds=2)
    apart = [hours.of(time) - time for time in (before, after)]
    assert round((apart[1] - apart[0]).total_seconds()) == 86400
    text = f'{{"a":"{stamp(before)}","b":"{stamp(hours.of(after))}"}}'.encode()
    moved = f'{{"a":"{stamp(hours.of(before))}","b":"{stamp(hours.of(after))}"}}'.encode()
    assert hours.moved(text) == moved


class World:
    """A schedule with a slot at six, as the API server would show it."""

    def __init__(self, folder: Path) -> None:
        self.began = datetime.now(UTC).replace(microsecond=0)
        self.sight = Sight(Hours(folder / "ahead", DAY))
        self.made = stamp(self.began)
        self.schedule: Raw = {
            "metadata": {"uid": "s", "name": "six", "creationTimestamp": self.made},
            "spec": {"schedule": "0 6 * * *"},
            "status": {},
        }
        self.show("trainingschedules", self.schedule)

    def show(self, plural: str, item: Raw, kind: str = "ADDED") -> None:
        self.sight.see(plural, kind, item)

    def version(self, uid: str, slot: str = "2027-03-01T06:00:00Z", phase: str = "Failed") -> None:
        status = {"phase": phase, "stage": "FAILED", "reason": "OOMKilled"}
        meta = {"uid": uid, "name": f"six-{uid}", "creationTimestamp": self.made}
        spec = {"slot": slot, "scheduleRef": {"uid": "s"}, "trigger": {"type": "Scheduled"}}
        self.show("modelversions", {"metadata": meta, "spec": spec, "status": status})

    def skip(self) -> None:
        slot = "2027-03-01T06:00:00Z"
        record = {"from": slot, "to": slot, "count": 1, "reason": "MissedSlot"}
        status = {"status": {"skipped": [record]}}
        self.show("trainingschedules", self.schedule | status, "MODIFIED")

    def tell(self, uid: str, name: str, reason: str, message: str) -> None:
        self.show(
            "events",
            {
                "metadata": {"uid": name, "name": name, "creationTimestamp": self.made},
                "source": {"component": "clm-operator"},
                "involvedObject": {"uid": uid},
                "reason": reason,
                "message": message,
            },
        )

    def job(self, uid: str, owner: str) -> None:
        owners = [{"uid": owner, "kind": "ModelVersion"}]
        meta = {"uid": uid, "name": uid, "creationTimestamp": self.made, "ownerReferences": owners}
        self.show("jobs", {"metadata": meta})

    def kinds(self, *keys: str) -> list[str]:
        found = check(self.sight, Rests([DAY, DAY + timedelta(hours=12)]), keys, [])
        return [finding.kind for finding in found]


def _whole(world: World) -> None:
    world.version("v1")
    world.tell("v1", "e1", "OOMKilled", "FAILED: too little memory")
    world.job("j1", "v1")


def _nothing(_: World) -> None:
    pass


def _untold(world: World) -> None:
    world.version("v1")


def _twice(world: World) -> None:
    _whole(world)
    world.version("v2", phase="Running")


def _skipped_too(world: World) -> None:
    _whole(world)
    world.skip()
    world.tell("s", "e2", "MissedSlot", "1 slot(s) 2027-03-01T06:00Z to 2027-03-01T06:00Z skipped")


def _skipped_quietly(world: World) -> None:
    world.skip()


def _no_slot(world: World) -> None:
    _whole(world)
    world.version("v2", "2027-03-01T05:00:00Z", phase="Running")


def _told_twice(world: World) -> None:
    _whole(world)
    world.tell("v1", "e2", "OOMKilled", "FAILED: too little memory")


def _lucky_twice(world: World) -> None:
    _whole(world)
    last = world.sight.runs["v1"].last
    moves = [{"stage": "PRODUCTION", "at": f"2027-03-0{day}T00:00:00Z"} for day in (1, 2)]
    world.show("modelversions", last | {"status": last["status"] | {"history": moves}}, "MODIFIED")
    for name in ("e2", "e3"):
        world.tell("v1", name, "NotSignificant", "may be luck")


def _lucky_thrice(world: World) -> None:
    _lucky_twice(world)
    world.tell("v1", "e4", "NotSignificant", "may be luck")


def _second_job(world: World) -> None:
    _whole(world)
    world.job("j2", "v1")


def _stuck(world: World) -> None:
    world.version("v1", phase="Pending")


@pytest.mark.parametrize(
    ("happen", "expected"),
    [
        (_whole, []),
        (_nothing, ["a slot without a version or a record"]),
        (_untold, ["an end without an event"]),
        (_twice, ["a slot twice"]),
        (_skipped_too, ["a slot twice"]),
        (_skipped_quietly, ["a record without an event"]),
        (_no_slot, ["a record of no slot"]),
        (_told_twice, ["an event twice"]),
        (_lucky_twice, []),
        (_lucky_thrice, ["an event twice"]),
        (_second_job, ["a second Job"]),
        (_stuck, ["a run that never ended"]),
    ],
    ids=lambda value: getattr(value, "__name__", None) or ", ".join(value) or "nothing",
)
def test_a_fault_is_found(tmp_path: Path, happen: Any, expected: list[str]) -> None:
    world = World(tmp_path)
    happen(world)
    assert world.kinds() == expected


LOST = ["a slot without a version or a record"]


@pytest.mark.parametrize(
    ("edited_h", "wrong_h", "expected"),
    [(7, (), LOST), (5, (), []), (7, (6, 8), []), (7, (13, 14), LOST)],
    ids=[
        "before an edit",
        "a new slot, nobody looked before it",
        "before an edit that a wrong clock saw at another time",
        "before an edit, and the clock was wrong later",
    ],
)
def test_a_slot_beside_an_edit_is_asked_for_where_it_can_be_told(
    tmp_path: Path, edited_h: int, wrong_h: tuple[int, ...], expected: list[str]
) -> None:
    world = World(tmp_path)
    (life,) = world.sight.lives.values()
    cron = "0 6 * * *" if edited_h < 6 else "0 20 * * *"
    timing = Timing(cron, None, "Etc/UTC", suspend=False)
    life.timings.append((DAY + timedelta(hours=edited_h), timing))
    wrong = (
        [(DAY + timedelta(hours=wrong_h[0]), DAY + timedelta(hours=wrong_h[1]))] if wrong_h else []
    )
    rests = Rests([DAY, DAY + timedelta(hours=12), DAY + timedelta(hours=15)], wrong)
    assert [one.kind for one in check(world.sight, rests, [], [])] == expected


def test_files_of_a_version_that_is_gone_are_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    _whole(world)
    world.show("modelversions", world.sight.runs["v1"].last, "DELETED")
    assert world.kinds("runs/scale/six/v1/manifest.json") == ["files of a version that is gone"]


def _samples(name: str, *values: float) -> list[Sample]:
    days = (25, 35, 45, 55)
    return [Sample(d, 1, {"rss_mb": 90, name: v}) for d, v in zip(days, values, strict=True)]


@pytest.mark.parametrize(
    ("samples", "grows"),
    [
        (_samples("jobs", 10, 12, 12, 11), False),
        (_samples("jobs", 10, 12, 30, 11), True),
        (_samples("rss_mb", 90, 110, 108, 111), False),
        (_samples("rss_mb", 90, 95, 120, 130), True),
        (_samples("list_items", 5, 8, 15, 20), False),
        (_samples("list_items", 5, 8, 15, 21), True),
        (_samples("jobs", 10, 12, 30, 11)[:2], False),
    ],
    ids=[
        "no more Jobs",
        "more Jobs",
        "as much memory",
        "more memory",
        "a list within its limit",
        "a list above it",
        "too few days",
    ],
)
def test_growth_is_told_from_a_level(samples: list[Sample], *, grows: bool) -> None:
    assert bool(grown(samples)) is grows


@pytest.mark.api
@pytest.mark.store
@pytest.mark.slow
def test_four_days_with_four_kills_lose_and_double_nothing() -> None:
    result = soak(ROOT, season(datetime.now(UTC), 4), Size(4, 3, 4), seed=2)
    assert result.findings == [], result.text()
    assert result.figures["ends"] > 5
    assert result.figures["starts of the operator"] == 5
