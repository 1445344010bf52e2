"""The mirror shows each object in its newest form, whoever told of it, and revives none."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clm_api.schedule_status import TrialsStatus
from clm_operator.mirror.objects import Key
from clm_operator.mirror.table import is_newer
from clm_operator.mirror.tries import Market, Tries
from clm_operator.mirror.words import SILENCE_S, Words
from clm_operator.mirror.world import KINDS, Kind, Mirror
from clm_operator.slots.tries import frozen
from tests.operator.units import builders as b

Raw = dict[str, Any]
KEY = Key("ns", "btc")
MARKET: Market = ("ns", frozenset({"BTC/USDT"}), "1h")


def version(at: int, uid: str = "one", **meta: Any) -> Raw:
    """Build a version of a resourceVersion."""
    raw = b.version("btc-1").raw
    return raw | {"metadata": raw["metadata"] | {"uid": uid, "resourceVersion": str(at)} | meta}


def schedule(name: str, uid: str, at: int = 1, **status: Any) -> Raw:
    """Build a schedule of the same market."""
    raw = b.schedule_object().raw
    meta = raw["metadata"] | {"name": name, "uid": uid, "resourceVersion": str(at)}
    return raw | {"metadata": meta, "status": status}


def shown(mirror: Mirror) -> list[tuple[str, str]]:
    """Return uid and resourceVersion of what a round would see."""
    found = [v.raw["metadata"] for v in mirror.versions.of(KEY)]
    return [(meta["uid"], meta["resourceVersion"]) for meta in found]


def listed(mirror: Mirror, kind: Kind, scope: str, seen: set[str], at: str) -> list[Key]:
    """List what the mirror holds already, or less; return whose was not on the list."""
    look = replace(mirror.look(kind, scope, ""), version=at)
    found = mirror.listed(kind, scope, seen, look)
    mirror.heard(kind, scope)
    return found


@pytest.mark.parametrize(
    ("told", "seen", "news"),
    [
        ([version(5), version(7)], ("one", "7"), [True, True]),
        ([version(7), version(5)], ("one", "7"), [True, False]),
        ([version(9), version(10)], ("one", "10"), [True, True]),
        ([version(7), version(7)], ("one", "7"), [True, False]),
        ([version(7), version(8, uid="two")], ("two", "8"), [True, True]),
        ([version(8, uid="two"), version(7)], ("two", "8"), [True, False]),
    ],
    ids=[
        "a newer form replaces an older one",
        "an event that comes late is no news",
        "resourceVersions are numbers, not texts",
        "an echo of a write is no news",
        "an object made again replaces the former one",
        "an event of the former object changes nothing",
    ],
)
def test_the_newest_form_is_shown(told: list[Raw], seen: tuple[str, str], news: list[bool]) -> None:
    mirror = Mirror()
    assert [mirror.put("ModelVersion", raw) is not None for raw in told] == news
    assert shown(mirror) == [seen]


def test_what_is_deleted_is_not_revived_by_an_answer_that_comes_late() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    assert mirror.drop("ModelVersion", "ns", "btc-1", "one") == KEY
    assert mirror.put("ModelVersion", version(6), own=True) is None
    assert shown(mirror) == []
    assert mirror.put("ModelVersion", version(9, uid="two")) == KEY


def test_an_object_that_lost_its_label_is_seen_under_its_name_and_when_the_label_is_back() -> None:
    """A watch that selects by label says DELETED, with the resourceVersion of the change."""
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    assert mirror.drop("ModelVersion", "ns", "btc-1", "one", "7") == KEY
    assert mirror.put("ModelVersion", version(6), own=True) is None, "an answer that comes late"
    assert mirror.put("ModelVersion", version(7)) == KEY, "read live, as it is"
    assert listed(mirror, "ModelVersion", "ns", set(), "9") == [KEY], "no list shows it"
    assert mirror.put("ModelVersion", version(7)) == KEY, "and still it is there"
    assert mirror.put("ModelVersion", version(12)) == KEY, "its label is back"


def test_a_status_that_cant_be_read_ends_no_watch_and_is_told_to_who_asks() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    assert len(mirror.versions.of(KEY)) == 1, "read once: the typed form is at hand"
    odd = version(6) | {"status": {"phase": "Odd"}}
    assert mirror.put("ModelVersion", odd) == KEY
    with pytest.raises(ValidationError):
        mirror.versions.of(KEY)
    mirror.put("ModelVersion", version(7))
    assert shown(mirror) == [("one", "7")]


def test_own_words_are_trusted_for_one_term_and_until_another_speaks() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5), own=True)
    assert mirror.versions.is_own("ns", "btc-1")
    mirror.disown()
    assert not mirror.versions.is_own("ns", "btc-1")
    mirror.put("ModelVersion", version(6), own=True)
    mirror.put("ModelVersion", version(7))
    assert not mirror.versions.is_own("ns", "btc-1")


def test_a_deletion_of_the_former_object_leaves_its_namesake() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(8, uid="two"))
    assert mirror.drop("ModelVersion", "ns", "btc-1", "one") is None
    assert shown(mirror) == [("two", "8")]


@pytest.mark.parametrize(
    ("scope", "seen", "at", "left"),
    [
        ("ns", set(), "9", []),
        ("*", set(), "9", []),
        ("ns", {"one"}, "9", [("one", "5")]),
        ("ns", set(), "4", []),
        ("other", set(), "9", [("one", "5")]),
    ],
    ids=[
        "what a list does not show is gone",
        "also from a list of all namespaces",
        "what it shows stays",
        "also where the server went back before it was made",
        "a list of another namespace says nothing",
    ],
)
def test_a_list_tells_what_no_event_told(
    scope: str, seen: set[str], at: str, left: list[tuple[str, str]]
) -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    gone = listed(mirror, "ModelVersion", scope, seen, at)
    assert gone == ([] if left else [KEY])
    assert shown(mirror) == left


def test_what_was_made_while_a_list_was_under_way_stays() -> None:
    mirror = Mirror()
    look = replace(mirror.look("ModelVersion", "ns", ""), version="4")
    mirror.put("ModelVersion", version(5), own=True)
    assert mirror.put("ModelVersion", version(3), look=look) is None
    assert mirror.listed("ModelVersion", "ns", set(), look) == []
    assert shown(mirror) == [("one", "5")]


@pytest.mark.parametrize(
    ("known", "reached", "at", "page", "went_back", "left"),
    [
        (version(9), "", "6", version(5), True, [("one", "5")]),
        (version(9), "20", "12", version(5), True, [("one", "5")]),
        (version(9), "9", "12", version(5), True, [("one", "5")]),
        (version(9), "9", "6", None, True, []),
        (version(5), "9", "6", version(5), True, [("one", "5")]),
        (version(5), "5", "6", version(5), False, [("one", "5")]),
        (version(9), "9", "6", version(4, uid="two"), True, [("two", "4")]),
    ],
    ids=[
        "an object is older than the one that was kept",
        "no object is newer than the list, though more was known",
        "the server has written more than the backup lacked",
        "an object did not exist yet",
        "it did not change",
        "nothing was lost",
        "an object of another uid has its name",
    ],
)
def test_a_list_of_a_server_that_was_restored_from_a_backup_is_taken(
    known: Raw,
    reached: str,
    at: str,
    page: Raw | None,
    went_back: bool,  # noqa: FBT001
    left: list[tuple[str, str]],
) -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", known)
    look = replace(mirror.look("ModelVersion", "ns", reached), version=at)
    seen = set() if page is None else {page["metadata"]["uid"]}
    if page is not None:
        mirror.put("ModelVersion", page, look=look)
    mirror.listed("ModelVersion", "ns", seen, look)
    assert (shown(mirror), look.went_back) == (left, went_back)
    again = replace(mirror.look("ModelVersion", "ns", at), version=str(int(at) + 1))
    assert not again.went_back, "it is over"


def test_a_backup_brings_back_what_was_deleted_and_a_list_under_way_does_not() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    under_way = replace(mirror.look("ModelVersion", "ns", ""), version="5")
    mirror.drop("ModelVersion", "ns", "btc-1", "one")
    assert mirror.put("ModelVersion", version(5), look=under_way) is None
    later = replace(mirror.look("ModelVersion", "ns", "8"), version="5")
    assert mirror.put("ModelVersion", version(5), look=later) == KEY
    assert shown(mirror) == [("one", "5")]


def test_what_was_not_heard_of_for_three_minutes_is_known_no_more() -> None:
    now = 0.0
    mirror = Mirror(words=Words(lambda: now))
    for kind in KINDS:
        listed(mirror, kind, "*", set(), "1")
    now = SILENCE_S
    for kind in KINDS[1:]:
        assert not mirror.heard(kind, "*"), "it was known all the time"
    assert mirror.knows("ns")
    now += 1
    assert not mirror.knows("ns"), f"nothing was heard of {KINDS[0]}"
    assert mirror.heard(KINDS[0], "*"), "and whoever waits is to be woken"
    assert mirror.knows("ns")


def test_a_namespace_is_known_once_all_kinds_are_listed() -> None:
    mirror = Mirror()
    for kind in KINDS:
        assert not mirror.knows("ns")
        listed(mirror, kind, "*" if kind == "Pod" else "ns", set(), "1")
    assert mirror.knows("ns")
    assert not mirror.knows("other")


def test_managed_fields_are_not_kept_and_the_event_is_left_as_it_was() -> None:
    raw, mirror = version(5, managedFields=[{"manager": "kubectl"}]), Mirror()
    mirror.put("ModelVersion", raw)
    assert "managedFields" not in mirror.versions.of(KEY)[0].raw["metadata"]
    assert "managedFields" in raw["metadata"]


def test_an_object_is_parsed_once_for_all_rounds() -> None:
    mirror = Mirror()
    mirror.put("ModelVersion", version(5))
    (one,), (two,) = mirror.versions.of(KEY), mirror.versions.of(KEY)
    assert one is two
    changed = version(6) | {"status": {"phase": "Failed", "stage": "FAILED"}}
    mirror.put("ModelVersion", changed)
    (three,) = mirror.versions.of(KEY)
    assert three.terminal
    assert three.spec is one.spec, "its spec did not change"


def test_of_huge_objects_few_are_kept_parsed() -> None:
    mirror, count = Mirror(), 40
    for number in range(count):
        raw = schedule(f"s{number}", f"u{number}")
        huge = {"note": "x" * (1 << 20)}
        mirror.put("TrainingSchedule", raw | {"more": huge})
    seen = [mirror.schedule(Key("ns", f"s{number}")) for number in range(count)]
    again = [mirror.schedule(Key("ns", f"s{number}")) for number in reversed(range(count))]
    kept = sum(one is other for one, other in zip(seen, reversed(again), strict=True))
    assert 25 <= kept < 32
    for number in range(count):
        mirror.drop("TrainingSchedule", "ns", f"s{number}", f"u{number}")
    mirror.put("TrainingSchedule", schedule("small", "u"))
    assert mirror.schedule(Key("ns", "small")) is mirror.schedule(Key("ns", "small"))


def test_an_edited_spec_is_read_again() -> None:
    mirror = Mirror()
    mirror.put("TrainingSchedule", schedule("btc", "one"))
    before = mirror.schedule(KEY)
    edited = schedule("btc", "one", at=2)
    edited["spec"] = edited["spec"] | {"suspend": True}
    edited["metadata"]["generation"] = 2
    mirror.put("TrainingSchedule", edited)
    after = mirror.schedule(KEY)
    assert before is not None
    assert after is not None
    assert after.spec is not None
    assert (before.spec == after.spec, after.spec.suspend) == (False, True)


def test_siblings_tries_follow_edits_and_deletions() -> None:
    mirror = Mirror()
    for name, total in (("btc", 100), ("b", 7), ("c", 3)):
        mirror.put("TrainingSchedule", schedule(name, name, trials={"total": total}))
    own = mirror.schedule(KEY)
    assert own is not None
    assert mirror.tries_of_siblings(own)[0].total == 10
    mirror.put("TrainingSchedule", schedule("b", "b", at=2, trials={"total": 8}))
    mirror.drop("TrainingSchedule", "ns", "c", "c")
    assert mirror.tries_of_siblings(own)[0].total == 8


def test_the_schedules_of_a_namespace_are_told_apart_from_all_others() -> None:
    mirror, there, gone = Mirror(), schedule("b", "b"), schedule("gone", "gone")
    there["metadata"]["namespace"] = gone["metadata"]["namespace"] = "other"
    for raw in (schedule("btc", "a"), there, gone):
        mirror.put("TrainingSchedule", raw)
    mirror.drop("TrainingSchedule", "other", "gone", "gone")
    assert mirror.keys("ns") == [KEY]
    assert mirror.keys("other") == [Key("other", "b")]
    assert sorted(mirror.keys("*")) == [KEY, Key("other", "b")]
    mirror.drop("TrainingSchedule", "other", "b", "b")
    assert (mirror.keys("other"), mirror.keys("*")) == ([], [KEY])


def test_tries_of_a_schedule_that_was_replaced_without_a_word_count_no_more() -> None:
    mirror = Mirror()
    for name, uid, at in (("btc", "btc", 1), ("b", "old", 2), ("b", "new", 3)):
        mirror.put("TrainingSchedule", schedule(name, uid, at, trials={"total": 7}))
    own = mirror.schedule(KEY)
    assert own is not None
    assert mirror.tries_of_siblings(own)[0].total == 7


def test_a_neighbour_that_cant_be_read_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    mirror = Mirror()
    for name, total in (("btc", 1), ("good", 7), ("odd", "many")):
        mirror.put("TrainingSchedule", schedule(name, name, trials={"total": total}))
    own = mirror.schedule(KEY)
    assert own is not None
    assert [tries.total for tries in mirror.tries_of_siblings(own)] == [7]
    assert "odd" in caplog.text


figures = st.builds(
    lambda n, more, mean, spread: TrialsStatus(
        total=n + more, measured=n, mean_sharpe=mean, sharpe_variance=spread if n > 1 else 0.0
    ),
    st.integers(0, 50), st.integers(0, 5), st.floats(-9, 9), st.floats(0, 9),
)  # fmt: skip


@given(st.lists(figures, min_size=1, max_size=6), st.lists(figures, max_size=4))
def test_the_pool_of_siblings_is_what_merging_them_one_by_one_gives(
    parts: list[TrialsStatus], gone: list[TrialsStatus]
) -> None:
    pool = Tries()
    for number, part in enumerate([*parts, *gone]):
        pool.put(str(number), MARKET, part)
    for number in range(len(gone)):
        pool.drop(str(len(parts) + number))
    ours, siblings = parts[0], parts[1:]
    merged = frozen((ours, *siblings), bars_per_year=8766.0)
    pooled = frozen((ours, pool.of_siblings("0", MARKET)), bars_per_year=8766.0)
    assert pooled.count == merged.count
    assert pooled.sharpe_variance == pytest.approx(merged.sharpe_variance, abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [("10", "9", True), ("9", "10", False), ("9", "9", False), ("b", "a", True), ("a", "a", False)],
)
def test_which_form_is_newer(one: str, other: str, newer: bool) -> None:  # noqa: FBT001
    assert is_newer(one, other) is newer
