"""A backup, and the objects that take the place of lost ones."""

from datetime import UTC, datetime
from typing import Any

import pytest

from clm_api.layout import backup_time
from clm_api.schedule_status import KEPT_TOKENS
from clm_cli.restore import newest_backups
from clm_cli.saved import (
    Saved,
    kept,
    schedule_status,
    schedule_to_create,
    version_status,
    version_to_create,
)
from tests.cli.objects import judged, schedule

Raw = dict[str, Any]
CREATED = "2025-12-01T00:00:00Z"


def lived(raw: Raw, uid: str, generation: int = 1) -> Raw:
    """Return an object as a cluster that is lost had it."""
    raw["metadata"] |= {"uid": uid, "creationTimestamp": CREATED, "generation": generation}
    return raw


OWNER = lived(schedule(), "lost-schedule")


def version(generation: int = 1, *, asks: bool = False, **status: Any) -> Raw:
    raw = lived(judged(OWNER, **status), "lost-version", generation)
    if asks:
        raw["spec"]["request"] = {"stage": "PRODUCTION", "by": "ann", "reason": "better"}
    return raw


@pytest.mark.parametrize(
    ("generation", "observed", "asks", "after"),
    [
        (3, 2, False, 0),
        (2, 2, True, 1),
        (4, 2, True, 0),
    ],
    ids=[
        "a decided request is gone: the next one, of generation 2, is undecided",
        "a decided request is still there: it stays decided",
        "another request waits: it stays undecided",
    ],
)
def test_generations_begin_again(generation: int, observed: int, *, asks: bool, after: int) -> None:
    decided = {"observedGeneration": observed}
    raw = version(generation, asks=asks, promotion=decided, observedGeneration=generation)
    status = version_status(raw)
    assert status["promotion"]["observedGeneration"] == after
    assert "observedGeneration" not in status, "the operator has yet to look at it"


def test_what_was_to_be_told_of_the_lost_one_is_not_told_of_its_successor() -> None:
    told = [{"id": "ended", "type": "Normal", "reason": "CriteriaPassed", "message": "it passed"}]
    assert "untold" not in version_status(version(untold=told))
    owner = schedule() | {"status": {"untold": told}}
    assert "untold" not in schedule_status(lived(owner, "lost-schedule"), schedule())


def test_a_run_that_had_not_ended_begins_again() -> None:
    raw = version(phase="Running", jobRef={"name": "x", "uid": "y"}, attempt=1)
    origin = {"uid": "lost-version", "created": CREATED}
    assert version_status(raw) == {"restored": origin}


def test_what_was_restored_twice_names_the_first_one() -> None:
    first = {"uid": "first", "created": "2025-01-01T00:00:00Z"}
    assert version_status(version(restored=first))["restored"] == first
    assert schedule_status(OWNER, {})["restored"]["uid"] == "lost-schedule"


@pytest.mark.parametrize(
    ("saved", "present", "after"),
    [("2025-12-01T06:00:00Z", None, 6), ("2025-12-01T06:00:00Z", "2025-12-01T12:00:00Z", 12),
     (None, "2025-12-01T12:00:00Z", 12)],
)  # fmt: skip
def test_no_slot_comes_again(saved: str | None, present: str | None, after: int) -> None:
    status = {} if saved is None else {"lastScheduleTime": saved}
    here = {} if present is None else {"status": {"lastScheduleTime": present}}
    found = schedule_status(OWNER | {"status": status}, here)
    assert found["lastScheduleTime"] == f"2025-12-01T{after:02}:00:00Z"


@pytest.mark.parametrize(
    ("saved", "here", "after"),
    [("old", None, "old"), ("old", "new", "new"), (None, "new", "new"), (None, None, None)],
    ids=["one of then", "one of now", "one of now alone", "none"],
)
def test_a_token_that_was_decided_stays_decided(
    saved: str | None, here: str | None, after: str | None
) -> None:
    then, now = ({} if one is None else {"lastRunToken": one} for one in (saved, here))
    found = schedule_status(OWNER | {"status": then}, {"status": now})
    assert found.get("lastRunToken") == after


def test_messages_that_were_settled_then_or_since_ask_for_no_second_run() -> None:
    then, now = ({"settledTokens": tokens} for tokens in (["a", "b"], ["b", "c"]))
    found = schedule_status(OWNER | {"status": then}, {"status": now})
    assert found["settledTokens"] == ["a", "b", "c"]
    full = {"settledTokens": [f"{n}" for n in range(KEPT_TOKENS)]}
    assert schedule_status(OWNER | {"status": full}, {"status": now})["settledTokens"][-1] == "c"


def test_owners_of_the_lost_cluster_are_not_named() -> None:
    owned = lived(schedule(), "lost-schedule")
    owned["metadata"] |= {"ownerReferences": [{"uid": "gone"}], "annotations": {"a": "b"}}
    made = schedule_to_create(kept(owned), {"c": "d"})
    assert "ownerReferences" not in made["metadata"]
    assert "uid" not in made["metadata"]
    assert made["metadata"]["annotations"] == {"a": "b", "c": "d"}
    here = {"metadata": {"name": "btc-eth", "uid": "new"}}
    (reference,) = version_to_create(kept(version()), here)["metadata"]["ownerReferences"]
    assert (reference["uid"], reference["controller"]) == ("new", True)


def test_a_backup_is_read_as_it_was_written() -> None:
    saved = Saved(
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), server="https://lost", namespace="n",
        schedules=[kept(OWNER)], versions=[kept(version())],
    )  # fmt: skip
    assert saved.path == "backups/n/20260102T030405Z.json"
    assert backup_time(saved.path) == saved.created_at
    assert Saved.model_validate_json(saved.to_json()) == saved
    assert [v["metadata"]["uid"] for v in saved.versions_of(OWNER)] == ["lost-version"]


@pytest.mark.parametrize(
    ("at", "chosen"),
    [(None, "20260105T120000Z"), ("2026-01-05T00:00:00+00:00", "20260104T120000Z")],
    ids=["the newest", "the newest of a time"],
)
def test_files_that_are_no_backups_are_passed_over(at: str | None, chosen: str) -> None:
    names = ["20260104T120000Z.json", "20260105T120000Z.json", "notes.txt", "zzz.json"]
    paths = [f"backups/ns/{name}" for name in names]
    moment = datetime.fromisoformat(at) if at else None
    assert newest_backups(paths, moment) == [f"backups/ns/{chosen}.json"]
