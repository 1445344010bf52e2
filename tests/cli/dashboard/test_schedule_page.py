"""The page of a schedule: time line, criteria over time, production against its promise."""

from dataclasses import replace
from datetime import timedelta

import pytest

from clm_cli.dashboard.files import Found
from clm_cli.dashboard.pages import schedule
from clm_cli.dashboard.pages.schedule import SHOWN, Schedule
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.world import MOST_VERSIONS, Key
from tests.cli.dashboard import worlds
from tests.cli.dashboard.lived import fleet, lived, stored
from tests.cli.dashboard.worlds import NAMESPACE, world_of

WORLD = world_of(*lived(), *fleet())
QUERY = Query("/ns/trading/schedules/btc-eth", Key(NAMESPACE, "btc-eth"))


def page(query: Query = QUERY) -> Schedule:
    return schedule.page(WORLD, query)


def test_the_time_line_has_runs_skips_and_production_with_links() -> None:
    drawn = str(page().timeline)
    assert drawn.count('href="/ns/trading/versions/btc-eth-58"') == 2  # on a desk, on a telephone
    assert "4 slots skipped, ConcurrencyForbid: the run before was still going" in drawn
    assert "production was empty" in drawn
    assert "exchange was away" in drawn
    assert page().life.startswith(f"{SHOWN} runs: ")


def test_each_criterion_stands_against_its_threshold() -> None:
    gates = {gate.name: gate for gate in page().gates}
    assert list(gates) == ["sharpe", "winRate", "profitFactor", "maxDrawdown", "trades", "psr"]
    assert (gates["maxDrawdown"].rule, gates["sharpe"].rule) == ("≤ 0.15", "≥ 1")
    assert gates["trades"].text.startswith("58 of 58 versions passed")
    assert "4 versions without a value" in gates["profitFactor"].text
    assert str(gates["profitFactor"].plot).count("hollow") == 4


def test_who_was_in_production_is_said_newest_first() -> None:
    past = [(one.version, one.by, one.reason, one.to is None) for one in page().past]
    assert past == [
        ("btc-eth-58", "alice", "better out of sample", True),
        ("", "carol", "exchange was away", False),
        ("btc-eth-41", "bob", "newer bars", False),
        ("btc-eth-20", "bob", "first one that passed", False),
    ]


def test_production_is_held_against_its_promise_without_a_store() -> None:
    earning = page().earning
    assert [(row.live, row.bound, row.light.text) for row in earning.rows] == [
        ("0.61", "0.90 promised", "below"),
        ("0.40 %", "5.00 % at most", "within"),
        ("1.10 %", "15.00 % at most", "within"),
    ]
    assert earning.plot is None
    assert "--store" in earning.missing


def test_with_a_store_the_curve_has_the_band_of_what_was_promised() -> None:
    earning = page(replace(QUERY, files=stored())).earning
    assert str(earning.plot).count('class="band"') == 2
    assert "holds 90 %" in earning.text
    assert earning.missing == ""


def test_a_curve_without_its_backtest_says_what_is_missing() -> None:
    replays, backtest = schedule.wanted(WORLD, QUERY)
    files = {replays: stored()[replays], backtest: Found(problem="the store holds no such file")}
    earning = page(replace(QUERY, files=files)).earning
    assert 'class="band"' not in str(earning.plot)
    assert earning.missing == "No band: the store holds no such file."


def test_all_versions_are_a_click_away() -> None:
    short, whole = page(), page(replace(QUERY, parameters=(("all", "1"),)))
    assert (len(short.runs), short.more) == (20, f"{QUERY.path}?all=1")
    assert short.more_words == "all 61 versions"
    assert (len(whole.runs), whole.more, whole.older) == (61, "", "")


def test_of_a_schedule_with_very_many_versions_the_newest_are_shown() -> None:
    owner, count = worlds.schedule(), MOST_VERSIONS + 2
    slots = [worlds.NOW + n * timedelta(hours=1) for n in range(count)]
    made = [
        worlds.judged(owner, f"v-{n}", slot=f"{slot:%Y-%m-%dT%H:%M:%SZ}")
        for n, slot in enumerate(slots)
    ]
    world = worlds.world_of(owner, *made)
    short = schedule.page(world, QUERY)
    assert (len(short.runs), short.more_words) == (20, f"the newest {MOST_VERSIONS} versions")
    whole = schedule.page(world, replace(QUERY, parameters=(("all", "1"),)))
    assert (len(whole.runs), whole.runs[0].name) == (MOST_VERSIONS, f"v-{count - 1}")
    assert whole.older.startswith("2 older versions are not shown here: kubectl get mv")


def test_actions_are_offered_where_they_can_be_done() -> None:
    offers = page().offers
    assert (offers.run, offers.halt, offers.back) == (True, "btc-eth-58", "btc-eth-20")
    held = page(replace(QUERY, key=Key(NAMESPACE, "held"))).offers
    assert (held.run, held.halt, held.back) == (True, "", "")


def test_a_schedule_without_runs_says_so_and_one_that_is_gone_too() -> None:
    bare = page(replace(QUERY, key=Key(NAMESPACE, "held")))
    assert (bare.timeline, list(bare.gates), list(bare.past)) == (None, [], [])
    with pytest.raises(NotShownError, match="There is no TrainingSchedule gone in trading"):
        page(replace(QUERY, key=Key(NAMESPACE, "gone")))
