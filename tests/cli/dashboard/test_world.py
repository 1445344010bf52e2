"""What the pages know of the cluster, however broken or hostile an object is."""

from datetime import timedelta

from clm_cli.dashboard.world import Key, Kind
from tests.cli.dashboard.worlds import (
    NOW,
    judged,
    key,
    known,
    schedule,
    simulation,
    stored,
    version,
    world_of,
)


def test_versions_stand_with_their_schedule_newest_first() -> None:
    owner = schedule()
    old = judged(owner, "btc-1", slot="2025-12-01T06:00:00Z")
    new = version(owner, "btc-2", slot="2025-12-02T06:00:00Z", phase="Running", stage="TRAINING")
    world = world_of(owner, old, new)
    assert [v.name for v in world.versions[key(owner)]] == ["btc-2", "btc-1"]
    assert [v.name for v in world.unfinished[key(owner)]] == ["btc-2"]
    assert world.single[key(old)].status.stage == "REJECTED"
    assert world.versions.get(Key("other", "btc-eth")) is None


def test_queues_of_runs_that_have_not_ended_are_known_without_parsing() -> None:
    owner = schedule()
    place = {"name": "gpus", "since": "2025-12-02T06:00:00Z"}
    waits = version(owner, "btc-1", phase="Pending", queue=place | {"state": "Queued"})
    ended = version(owner, "btc-2", phase="Failed", queue=place | {"state": "Held"})
    world = world_of(owner, waits, ended)
    assert world.queue_states[key(owner)] == {"Queued"}
    assert [v.status.queue.state for v in world.unfinished[key(owner)] if v.status.queue] == [
        "Queued"
    ]


def test_versions_of_a_schedule_that_was_deleted_before_are_not_its_own() -> None:
    owner = schedule()
    other = judged(owner, "btc-0")
    other["spec"]["scheduleRef"]["uid"] = "of-before"
    assert world_of(owner, other).versions[key(owner)] == ()
    assert [v.name for v in world_of(other).versions[key(owner)]] == ["btc-0"]


def test_a_broken_object_says_so_and_harms_no_neighbour() -> None:
    owner = schedule()
    broken, good = judged(owner, "btc-1"), judged(owner, "btc-2")
    broken["spec"]["slot"] = "yesterday"
    unreadable, bare = schedule("unreadable"), schedule("bare", nextScheduleTime="soon")
    unreadable["spec"]["data"] = "none"
    strange = simulation("strange", phase="Sideways")
    strange["spec"] = []
    world = world_of(owner, broken, good, unreadable, bare, strange)
    assert [v.name for v in world.versions[key(owner)]] == ["btc-2"]
    (fault,) = world.unreadable[key(owner)]
    assert (fault.key.name, "slot" in fault.problem) == ("btc-1", True)
    assert key(broken) not in world.single
    assert world.schedules[key(unreadable)].problem.startswith("spec.data")
    assert world.schedules[key(bare)].problem.startswith("status.nextScheduleTime")
    assert "spec" in world.simulations[key(strange)].problem
    assert "status.phase" in world.simulations[key(strange)].problem


def test_a_version_is_parsed_once_while_it_does_not_change() -> None:
    owner = schedule()
    first = judged(owner, "btc-1")
    objects = known(owner, first)
    seen = objects.world(NOW).single[key(first)]
    objects.put(Kind.VERSIONS, first)
    other = judged(owner, "btc-2")
    objects.put(Kind.VERSIONS, other)
    later = objects.world(NOW + timedelta(seconds=1))
    assert later.single[key(first)] is seen
    changed = stored(judged(owner, "btc-1", "ARCHIVED"))
    changed["metadata"]["resourceVersion"] = "9999999"
    objects.put(Kind.VERSIONS, changed)
    assert objects.world(NOW).single[key(first)].status.stage == "ARCHIVED"
    assert later.single[key(first)].status.stage == "REJECTED"


def test_a_change_is_told_to_the_pages_that_show_it() -> None:
    owner, other = schedule(), schedule("other")
    objects = known(owner, other)
    before = objects.revision(("schedule/trading/other",))
    objects.put(Kind.VERSIONS, judged(owner, "btc-1"))
    revision = objects.world(NOW).revision
    for topic in ("schedule/trading/btc-eth", "version/trading/btc-1", "schedules"):
        assert objects.revision((topic,)) == revision
    assert objects.revision(("schedule/trading/other",)) == before
    objects.remove(Kind.VERSIONS, Key("trading", "btc-1"))
    assert objects.revision(("version/trading/btc-1",)) > revision
    assert objects.world(NOW).versions.get(key(owner)) is None


def test_what_a_list_no_longer_names_is_gone() -> None:
    here, there, kept = schedule(), schedule("there", "elsewhere"), schedule("kept")
    objects = known(here, there, kept)
    objects.keep_only(Kind.SCHEDULES, {key(kept)})
    assert sorted(objects.world(NOW).schedules) == [key(kept)]
