"""Who was in production when, and where a rollback goes: from a schedule's status alone."""

from datetime import UTC, datetime, timedelta

import pytest

from clm_api.production import periods, production_at, rollback_target, way_back
from clm_api.schedule_status import TrainingScheduleStatus

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def status(order: str) -> TrainingScheduleStatus:
    """Build a status: one letter per version, an hour in production each, the last one still.

    A dot is an hour in which production was empty; at the end it is empty still.
    """
    if not order:
        return TrainingScheduleStatus()
    times = [BEGIN + timedelta(hours=n) for n in range(len(order))]
    emptied = {"emptied": {"by": "carol", "reason": "flat"}}
    previous = [
        {"version": v, "from": a, "to": b, "by": "alice", "reason": f"{v} is good"}
        | (emptied if after == "." else {})
        for v, after, a, b in zip(order[:-1], order[1:], times, times[1:], strict=False)
        if v != "."
    ]
    if order[-1] == ".":
        halted = {"version": order[-2], "since": times[-1], "by": "carol", "reason": "flat"}
        return TrainingScheduleStatus.model_validate({"previous": previous, "halted": halted})
    production = {
        "version": order[-1], "since": times[-1], "approvedBy": "bob", "reason": "newest",
        "artifact": {"uri": "s3://x", "sha256": "0" * 64},
    }  # fmt: skip
    return TrainingScheduleStatus.model_validate({"previous": previous, "production": production})


@pytest.mark.parametrize(
    ("order", "way"),
    [("", ""), ("A", ""), ("AB", "A"), ("ABC", "BA"), ("ABA", ""), ("ABAC", "A"),
     ("ABCB", "A"), ("ABCA", ""), ("ABCBD", "BA"),
     ("A.", ""), ("AB.", "A"), ("ABC.", "BA"), ("A.A", ""), ("AB.A", ""), ("AB.B", "A"),
     ("AB.C", "A"), ("A.B", ""), ("A.A.B", ""), ("A.AB", "A"), ("AB.C.", "A")],
)  # fmt: skip
def test_the_way_back_skips_what_was_rolled_back_from_or_halted(order: str, way: str) -> None:
    assert "".join(way_back(status(order))) == way


@pytest.mark.parametrize(
    ("order", "existing", "target"),
    [("ABC", "ABC", "B"), ("ABC", "AC", "A"), ("ABC", "C", None), ("ABCB", "BC", None),
     ("ABCDC", "ACD", "A")],
)  # fmt: skip
def test_a_rollback_passes_over_what_is_gone(order: str, existing: str, target: str | None) -> None:
    assert rollback_target(status(order), existing) == target


@pytest.mark.parametrize(
    ("minutes", "version", "by", "replaced_by"),
    [(-1, None, None, None), (0, "A", "alice", "B"), (59, "A", "alice", "B"),
     (60, "B", "alice", "A"), (120, "A", "bob", None), (10000, "A", "bob", None)],
)  # fmt: skip
def test_who_was_in_production(
    minutes: int, version: str | None, by: str | None, replaced_by: str | None
) -> None:
    found = production_at(status("ABA"), BEGIN + timedelta(minutes=minutes))
    assert (found and found.version, found and found.by, found and found.replaced_by) == (
        version, by, replaced_by,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("order", "minutes", "version", "by", "replaced_by"),
    [("A.B", 59, "A", "alice", None), ("A.B", 60, None, "carol", "B"),
     ("A.B", 120, "B", "bob", None), ("A.", 59, "A", "alice", None),
     ("A.", 60, None, "carol", None), ("A.", 9999, None, "carol", None)],
)  # fmt: skip
def test_production_was_empty(
    order: str, minutes: int, version: str | None, by: str, replaced_by: str | None
) -> None:
    found = production_at(status(order), BEGIN + timedelta(minutes=minutes))
    assert found is not None
    assert (found.version, found.by, found.replaced_by) == (version, by, replaced_by)


def test_a_gap_is_seen_where_an_operator_of_before_has_dropped_who_emptied_production() -> None:
    wire = status("AB.C.").to_json_dict()
    for period in wire["previous"]:
        period.pop("emptied", None)
    del wire["halted"]
    read = TrainingScheduleStatus.model_validate(wire)
    assert [p.version for p in periods(read)] == ["A", "B", None, "C", None]
    assert {p.by for p in periods(read) if p.version is None} == {""}
    assert way_back(read) == ("A",)


def test_an_empty_time_of_no_length_is_one_all_the_same() -> None:
    wire = status("A.B").to_json_dict()
    wire["production"]["since"] = wire["previous"][0]["to"]
    read = TrainingScheduleStatus.model_validate(wire)
    assert [p.version for p in periods(read)] == ["A", None, "B"]


def test_periods_join_without_a_gap() -> None:
    found = periods(status("ABCA"))
    assert [p.version for p in found] == ["A", "B", "C", "A"]
    assert [p.to for p in found[:-1]] == [p.since for p in found[1:]]
    assert periods(TrainingScheduleStatus()) == ()
