"""The page of a version: verdicts, folds, origin, queue, log, what can be asked."""

from dataclasses import replace
from typing import Any

import pytest

from clm_cli.dashboard.files import LOG_BYTES, File, Found, Wanted
from clm_cli.dashboard.pages import version
from clm_cli.dashboard.pages.logs import MOST_LINES, lines
from clm_cli.dashboard.pages.version import Offers, Version
from clm_cli.dashboard.query import Query
from clm_cli.dashboard.world import Key
from tests.cli.dashboard import worlds
from tests.cli.dashboard.lived import THERE, fleet, lived, stored
from tests.cli.dashboard.worlds import NAMESPACE, world_of

WORLD = world_of(*lived(), *fleet())


def query(name: str) -> Query:
    return Query(f"/ns/trading/versions/{name}", Key(NAMESPACE, name))


def page(name: str) -> Version:
    return version.page(WORLD, query(name))


def test_verdicts_stand_with_value_threshold_and_words() -> None:
    rows = {row.name: row for row in page(THERE).verdicts}
    assert (rows["Sharpe ratio"].threshold, rows["Sharpe ratio"].light.text) == ("≥ 1", "passed")
    undefined = next(row for row in page("btc-eth-54").verdicts if row.value == "undefined")
    assert (undefined.name, undefined.message) == (
        "profit factor", "profitFactor is undefined: no losses",
    )  # fmt: skip
    assert page(THERE).significance.endswith("above the luck of the one try with 40.0 %.")


def test_a_version_says_where_it_comes_from() -> None:
    facts = {fact.name: fact for fact in page(THERE).origin}
    assert facts["replaced"].link == "/ns/trading/versions/btc-eth-41"
    assert facts["data"].value.endswith("35040 bars, 2 gaps")
    assert facts["sha256 of the manifest"].code
    assert [move.by for move in page(THERE).moves] == ["alice", "clm-operator"]
    assert [fold.number for fold in page(THERE).folds] == [1, 2, 3]


def test_a_run_that_goes_on_says_how_far_it_is() -> None:
    going = page("btc-eth-64").going
    assert going is not None
    assert (going.percent, going.words) == (42, "train: fold 2 of 3")
    waits = page("queued-1")
    assert waits.queue is not None
    assert waits.queue.why == "insufficient unused quota for nvidia.com/gpu in flavor h200"
    assert waits.queue_since is not None
    assert waits.queue_since.relative == "12 min ago"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"stage": "CANDIDATE"}, (True, True, True)),
        ({"stage": "SHADOW"}, (True, False, True)),
        ({"stage": "ARCHIVED"}, (True, False, False)),
        ({"stage": "PRODUCTION"}, (False, False, False)),
        ({"stage": "REJECTED"}, (False, False, False)),
        ({"stage": "TRAINING", "phase": "Running"}, (False, False, False)),
    ],
    ids=str,
)
def test_what_can_be_asked_follows_the_stage(
    more: dict[str, Any], expected: tuple[bool, bool, bool]
) -> None:
    owner = worlds.schedule()
    world = world_of(owner, worlds.judged(owner, "v", **more))
    assert version.page(world, query("v")).offers == Offers(*expected, replaces="")


def test_the_store_gives_log_and_equity_and_its_absence_is_said() -> None:
    without = page(THERE)
    assert (without.report, list(without.log), without.equity) == ("", [], None)
    assert "--store" in without.report_words
    assert "--store" in without.log_words
    found = version.page(WORLD, replace(query(THERE), files=stored(), store=True))
    assert found.report == f"/ns/trading/versions/{THERE}/report"
    assert [line.message for line in found.log] == ["ok", "plain"]
    assert found.equity is not None


def test_a_log_of_any_bytes_is_shown_and_a_long_one_from_its_end() -> None:
    content = b"\xff\n" + b'{"time": 5}\n' * 3 + b"last\n"
    assert [line.message for line in lines(content)][-2:] == ['{"time": 5}', "last"]
    assert len(lines(b"x\n" * 9999)) == MOST_LINES
    early = '{"time": "0001-01-01T00:00:00+14:00", "level": "info", "message": "m"}'
    assert [line.message for line in lines(early.encode())] == [early]
    assert [len(line.message) for line in lines(b"[" * 200_000)] == [200_000]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"one\ntwo\n", ""),
        (b"x\n" * 501, 'The last 500 lines. "clm logs btc-eth-58" shows all.'),
        (b"x" * LOG_BYTES, 'first MiB, the last lines. "clm logs btc-eth-58" shows all.'),
    ],
    ids=["whole", "many lines", "many bytes"],
)
def test_a_log_that_is_cut_says_so(content: bytes, said: str) -> None:
    files = {Wanted(query(THERE).key, File.LOG): Found(content)}
    words = version.page(WORLD, replace(query(THERE), files=files)).log_words
    assert (words == "") == (said == "")
    assert words.endswith(said)


def test_a_decision_names_what_was_done_who_asked_and_why() -> None:
    decision = page(THERE).decision
    assert decision is not None
    assert decision.why == "in production; asked for by alice: better out of sample"
