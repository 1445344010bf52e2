"""Cron lines mean what a CronJob makes of them; clock changes lose and double nothing."""

import json
import random
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.cron import CronError, read_cron
from clm_api.cron_notes import notes_on
from clm_api.schedule import zone_names
from local_cluster import binaries

ZONES = (
    "Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo",
    "Antarctica/Troll", "America/Havana", "Asia/Beirut", "America/St_Johns", "Pacific/Chatham",
    "Asia/Kolkata", "America/Santiago",
)  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 10, tzinfo=UTC)
LINES = 200
_DAY = timedelta(days=1)


def random_line(dice: random.Random) -> str:
    """Return a line of the grammar, with now and then something that it does not hold."""

    def item(low: int, high: int, words: tuple[str, ...]) -> str:
        first, second = sorted((dice.randint(low, high), dice.randint(low, high)))
        said = [str(first), f"{first}-{second}", "*", f"*/{dice.randint(1, 7)}", "?",
                f"{first}/{dice.randint(1, 9)}", f"{first}-{second}/{dice.randint(1, 5)}",
                f"{first}-{first}/5", *words]  # fmt: skip
        return dice.choice(said)

    def several(low: int, high: int, *words: str) -> str:
        return ",".join(item(low, high, words) for _ in range(dice.choice((1, 1, 1, 2, 3))))

    minute = dice.choice(("0", "30", "15", "0,30", str(dice.randint(0, 59))))
    return " ".join([
        minute,
        dice.choice(("*", *[several(0, 23)] * 3, *[str(dice.randint(0, 5))] * 4)),
        dice.choice(("*", "*", several(1, 31))),
        dice.choice(("*", "*", several(1, 12, "jan", "MAR-oct"))),
        dice.choice(("*", several(0, 6, "sun", "MON-FRI", "7", "L"), str(dice.randint(0, 6)))),
    ])  # fmt: skip


def theirs(lines: list[tuple[str, str]]) -> list[list[datetime] | None]:
    """Ask the CronJob's own library; None for a line that it refuses."""
    binaries.build(("cron",))
    asked = "".join(
        json.dumps(
            {"line": line, "zone": zone, "from": f"{START:%FT%TZ}", "until": f"{END:%FT%TZ}"}
        )
        + "\n"
        for line, zone in lines
    )
    program = str(binaries.program("cron-slots"))
    done = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
    answers = map(json.loads, done.stdout.splitlines())
    return [
        None if "error" in a else [datetime.fromisoformat(t) for t in a.get("slots", ())]
        for a in answers
    ]


def ours(line: str, zone: ZoneInfo) -> list[datetime] | None:
    """Return our slots of the same time."""
    try:
        cron = read_cron(line)
    except CronError:
        return None
    days = [START.date() + k * _DAY for k in range(-1, (END - START).days + 2)]
    every = sorted(slot for day in days for slot in cron.on(day, zone))
    found = [slot for slot in every if START < slot <= END]
    for slot, following in list(pairwise(found))[::97]:
        assert cron.after(slot, zone) == following
    return found


def changes(zone: ZoneInfo) -> set[date]:
    """Return the days on which the clocks of a zone are moved, and those beside them."""
    days = [START + k * _DAY for k in range((END - START).days)]
    return {
        d.astimezone(zone).date()
        for a, b in pairwise(days)
        if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset()
        for d in (a - _DAY, a, b, b + _DAY)
    }


@pytest.mark.slow
def test_a_cronjob_knows_every_zone_that_we_accept() -> None:
    names = sorted(zone_names())
    answers = theirs([("0 12 1 * *", name) for name in names])
    differs = [
        name for name, expected in zip(names, answers, strict=True)
        if expected != ours("0 12 1 * *", ZoneInfo(name))
    ]  # fmt: skip
    assert differs == []
    assert len(names) > 500


@pytest.mark.slow
def test_200_random_lines_fall_as_a_cronjob_has_them_but_for_clock_changes_that_are_said() -> None:
    dice = random.Random(20261128)
    asked = [(random_line(dice), dice.choice(ZONES)) for _ in range(LINES)]
    asked += [("0 9 * * 5", "Africa/Cairo"), ("30 2 * * *", "Antarctica/Troll"),
              ("0 6 1-31/2 * */2", "Etc/UTC"), ("0 5 * * *", "Australia/Lord_Howe")]  # fmt: skip
    refused = 0
    for (line, name), expected in zip(asked, theirs(asked), strict=True):
        zone = ZoneInfo(name)
        found = ours(line, zone)
        assert (found is None) == (expected is None), (line, expected and expected[:3])
        if found is None or expected is None:
            refused += 1
            continue
        differing = {t.astimezone(zone).date() for t in {*found} ^ {*expected}}
        differing |= {a.astimezone(zone).date() for a, b in pairwise(sorted(expected)) if a == b}
        assert differing <= changes(zone), (line, name, sorted(differing - changes(zone)))
        for day in differing:
            said = notes_on(line, zone, day - 7 * _DAY)
            near = [f"{day + k * _DAY}" for k in (-1, 0, 1)]
            assert any(d in note for note in said for d in near), (line, name, day, said)
    assert 0 < refused < LINES // 2


@dataclass(frozen=True)
class Reading:
    name: str
    line: str
    zone: str
    after: str
    expected: list[str]


READINGS = [
    Reading("a star with a step in both day fields takes days that fit one of them",
            "0 6 1-31/2 * */2", "Etc/UTC", "2026-06-01T07:00",
            ["2026-06-02T06:00", "2026-06-03T06:00", "2026-06-04T06:00", "2026-06-05T06:00",
             "2026-06-06T06:00", "2026-06-07T06:00", "2026-06-09T06:00"]),
    Reading("a range of one day has one day, whatever the step", "0 6 8-8/5 * *", "Etc/UTC",
            "2026-06-01T00:00", ["2026-06-08T06:00", "2026-07-08T06:00"]),
    Reading("a weekday with a step ends at Saturday", "0 6 * * 5/2", "Etc/UTC",
            "2026-06-01T00:00", ["2026-06-05T06:00", "2026-06-12T06:00"]),
    Reading("a Friday whose midnight Cairo's clocks skip keeps its slot", "0 9 * * 5",
            "Africa/Cairo", "2026-04-18T00:00", ["2026-04-24T06:00", "2026-05-01T06:00"]),
    Reading("a time that Troll shows twice comes once", "30 1 * * *", "Antarctica/Troll",
            "2026-10-24T12:00", ["2026-10-24T23:30", "2026-10-26T01:30"]),
    Reading("half an hour that Lord Howe skips", "15 2 * * *", "Australia/Lord_Howe",
            "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
    Reading("a 29 February across the year 2100", "0 0 29 2 *", "Etc/UTC", "2096-03-01T00:00",
            ["2104-02-29T00:00"]),
    Reading("a line for every hour counts hours as they pass", "30 * * * *", "Europe/Berlin",
            "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]),
    Reading("@daily", "@daily", "Etc/UTC", "2026-06-01T00:00", ["2026-06-02T00:00"]),
]  # fmt: skip


@pytest.mark.parametrize("case", READINGS, ids=attrgetter("name"))
def test_how_a_line_is_read(case: Reading) -> None:
    cron, zone = read_cron(case.line), ZoneInfo(case.zone)
    moment, found = datetime.fromisoformat(case.after).replace(tzinfo=UTC), []
    for _ in case.expected:
        slot = cron.after(moment, zone)
        assert slot is not None
        found.append(f"{slot:%Y-%m-%dT%H:%M}")
        moment = slot
    assert found == case.expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0 * * 7", 'day of week "7": 7 is outside 0 to 6; Sunday is 0 or SUN'),
        ("0 0 L * *", 'day of month "L": "L" is no number'),
        ("0 0 * * 5#2", 'day of week "5#2"'),
        ("60 * * * *", 'minute "60": 60 is outside 0 to 59'),
        ("0 5-1 * * *", 'hour "5-1": 5 is after 1'),
        ("0 */0 * * *", 'hour "*/0": a step has to be at least 1'),
        ("0,,5 * * * *", 'minute "": "" is no number'),
        ("0 0 0 * * *", "it must have five fields"),
        ("@every 6h", "set spec.interval instead"),
        ("@noon", '"@noon" is none of @yearly'),
    ],
    ids=lambda text: text,
)
def test_what_a_cronjob_refuses_is_refused_with_its_field(line: str, says: str) -> None:
    with pytest.raises(CronError) as error:
        read_cron(line)
    assert says in str(error.value)


@dataclass(frozen=True)
class Said:
    name: str
    line: str
    zone: str
    today: str
    says: str


SAID = [
    Said("two readings of a stepped star", "0 6 */2 * 1", "Etc/UTC", "2026-01-01",
         '"*/2" and "1": a day has to fit one of the two, as in a Kubernetes CronJob; other '
         'programs read "*/2" as a star and take days that fit both'),
    Said("a time that is skipped", "30 2 * * *", "Europe/Berlin", "2026-01-01",
         "on 2026-03-29 the clocks of Europe/Berlin change: 02:30 comes at 03:00, a Kubernetes "
         "CronJob drops it"),
    Said("a time that comes twice", "30 2 * * *", "Europe/Berlin", "2026-04-01",
         "on 2026-10-25 the clocks of Europe/Berlin change: 02:30 comes once, in a Kubernetes "
         "CronJob twice"),
    Said("a day without midnight", "0 9 * * 5", "Africa/Cairo", "2026-04-01",
         "on 2026-04-24 the clocks of Africa/Cairo change: all slots are kept, a Kubernetes "
         "CronJob may drop or move some"),
    Said("nothing to say", "0 6 * * *", "Etc/UTC", "2026-01-01", ""),
    Said("every hour", "0 * * * *", "Europe/Berlin", "2026-01-01", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", SAID, ids=attrgetter("name"))
def test_what_is_said_of_a_line(case: Said) -> None:
    said = notes_on(case.line, ZoneInfo(case.zone), date.fromisoformat(case.today))
    assert list(said) == ([case.says] if case.says else [])


@given(
    minute=st.sampled_from(["0", "15", "*/30"]),
    hour=st.sampled_from(["*", "0-4", "*/3", "2"]),
    weekday=st.sampled_from(["*", "0", "5", "1-5"]),
    zone=st.sampled_from(ZONES),
    minutes_in=st.integers(0, 400 * 1440),
)
def test_after_and_until_speak_of_the_same_slots(
    minute: str, hour: str, weekday: str, zone: str, minutes_in: int
) -> None:
    cron, where = read_cron(f"{minute} {hour} * * {weekday}"), ZoneInfo(zone)
    at = START + timedelta(minutes=minutes_in)
    slot = cron.after(at, where)
    assert slot is not None
    assert slot > at
    assert cron.until(slot, where) == slot
    before = cron.until(slot - timedelta(seconds=1), where)
    assert before is not None
    assert before <= at
    assert cron.after(before, where) == slot
