"""An object in the place of a lost one: what of the lost one goes on to count."""

from dataclasses import replace
from datetime import timedelta

import pytest

from clm_operator.mirror.objects import Version
from clm_operator.round.deriving import facts_of
from tests.operator.units import builders as b

LONG_AGO = b.NOW - timedelta(days=10, hours=1)
ORIGIN = {"uid": "lost", "created": b.stamp(LONG_AGO)}


def test_a_schedule_that_is_not_all_back_is_left_alone() -> None:
    schedule = b.schedule_object()
    metadata = schedule.raw["metadata"] | {"annotations": {"clm.dev/restoring": "lost"}}
    held = replace(schedule, raw=schedule.raw | {"metadata": metadata})
    unmade = b.version(created=b.NOW - timedelta(minutes=1))
    assert facts_of(b.seen(unmade, schedule=held).view, b.settings()) is None


@pytest.mark.parametrize(
    ("status", "hours"),
    [({"restored": ORIGIN}, 5), ({}, 6)],
    ids=["restored: from the lost one's creation", "not restored: from its own"],
)
def test_an_interval_goes_on_from_the_first_creation(status: dict[str, object], hours: int) -> None:
    seen = {"lastScheduleTime": b.stamp(b.NOW - timedelta(minutes=1))}
    schedule = b.schedule_object(status=status | seen, interval="6h", runOnCreate=False)
    decided = b.plan(b.seen(schedule=schedule), b.settings()).schedule_status
    assert decided is not None
    assert decided.next_schedule_time == b.NOW + timedelta(hours=hours)
    assert decided.to_json_dict().get("restored") == status.get("restored")


def test_a_run_lies_where_the_lost_versions_lay() -> None:
    raw = b.version().raw
    assert Version.read(raw).run_uid == "uid-btc-1"
    there = Version.read(raw | {"status": {"restored": ORIGIN}})
    assert (there.uid, there.run_uid, there.created) == ("uid-btc-1", "lost", LONG_AGO)
    decided = b.plan(b.seen(there), b.settings())
    (job,) = decided.create_jobs
    assert '"value": "lost"' in str(job.manifest).replace("'", '"')
    ((_, status),) = decided.version_statuses
    assert status.run_uri == "s3://models/runs/ns/btc/lost"
