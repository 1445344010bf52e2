"""What the buttons do is what the commands do: once, in the reader's name, about what they saw."""

import re
from typing import Any

import pytest

from clm_cli.cluster import RUN_NOW
from clm_cli.dashboard.world import Kind
from tests.cli.dashboard.served import Reply, Served
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.cli.test_versions import PRODUCTION, put_two

Raw = dict[str, Any]


def look(board: Served, api: Namespace) -> None:
    """Let the dashboard know of all objects as they are now."""
    for kind in Kind:
        path = f"/apis/clm.dev/v1alpha1/namespaces/{api.name}/{kind}"
        for raw in api.plane.request("GET", path)["items"]:  # type: ignore[index]
            board.desk.objects.put(kind, {**raw, "kind": kind})


def ask(board: Served, api: Namespace, action: str, **fields: str) -> str:
    """Send the form of a page's button; return the address of the page that it leads to."""
    once = board.desk.ledger.ticket()
    reply = send(board, api, {"action": action, "once": once, "replaces": "btc-2", **fields})
    assert reply.status == 303, reply.text
    return reply.headers["location"]


def send(board: Served, api: Namespace, fields: dict[str, str]) -> Reply:
    return board.browser.send(f"/ns/{api.name}/schedules/btc-eth/ask", fields)


def answer(board: Served, address: str) -> str:
    """Return what the page says of what was asked."""
    html = board.browser.get(address).text
    found = re.search(r'<p class="answer (\w+)" role="status"><b>(.*?)</b> ?(.*?)</p>', html)
    assert found is not None, html
    return " ".join(filter(None, found.groups()))


def decide(api: Namespace, name: str, outcome: str, message: str) -> None:
    """Play the operator: it removes the request and says what became of it."""
    path = api.path("ModelVersion", name)
    raw = api.read("ModelVersion", name)
    generation, want = raw["metadata"]["generation"], raw["spec"]["request"]
    merge = "application/merge-patch+json"
    api.plane.request("PATCH", path, {"spec": {"request": None}}, merge)
    decision = {
        "stage": want["stage"], "by": want["by"], "reason": want["reason"],
        "at": "2025-12-02T12:00:00Z", "outcome": outcome, "message": message,
        "observedGeneration": generation,
    }  # fmt: skip
    api.plane.request("PATCH", f"{path}/status", {"status": {"promotion": decision}}, merge)


REQUESTS = [
    ("promote", {"version": "btc-1"}, "btc-1", "PRODUCTION"),
    ("shadow", {"version": "btc-1"}, "btc-1", "SHADOW"),
    ("withdraw", {"version": "btc-1"}, "btc-1", "ARCHIVED"),
    ("rollback", {}, "btc-1", "PRODUCTION"),
    ("rollback", {"version": "btc-1"}, "btc-1", "PRODUCTION"),
    ("halt", {}, "btc-2", "ARCHIVED"),
]


def test_a_button_asks_as_its_command_does_and_shows_the_answer(
    api: Namespace, board: Served
) -> None:
    put_two(api)
    look(board, api)
    for action, fields, version, stage in REQUESTS:
        address = ask(board, api, action, reason="fewer losses", **fields)
        assert api.read("ModelVersion", version)["spec"]["request"] == {
            "stage": stage, "by": "admin", "reason": "fewer losses", "replaces": "btc-2",
        }  # fmt: skip
        assert answer(board, address).startswith("waiting ")
        decide(api, version, "Promoted", "in production")
        look(board, api)
        assert answer(board, address) == f"done Promoted: {version} in production"


def test_a_refusal_of_the_operator_is_shown(api: Namespace, board: Served) -> None:
    put_two(api)
    address = ask(board, api, "promote", version="btc-1", reason="why", replaces="")
    assert api.read("ModelVersion", "btc-1")["spec"]["request"]["replaces"] == ""
    decide(api, "btc-1", "PromotionConflict", "btc-2 came <first>")
    look(board, api)
    assert answer(board, address) == "refused PromotionConflict: btc-2 came &lt;first&gt;"


REFUSED = [
    ("no reason", "promote", {"version": "btc-1", "reason": " "}, "say why in 1 to 500"),
    ("a long reason", "halt", {"reason": "x" * 501}, "say why in 1 to 500"),
    ("no such version", "promote", {"version": "btc-9", "reason": "why"}, "not found"),
    ("no name", "promote", {"version": "../x", "reason": "why"}, "can&#39;t be the name"),
    ("another schedule's", "promote", {"version": "other-1", "reason": "why"}, "belongs to other"),
    ("another schedule's", "rollback", {"version": "other-1", "reason": "why"}, "belongs to other"),
    ("no such action", "<b>", {}, "there is no action &#34;&lt;b&gt;"),
    (
        "another than is there",
        "halt",
        {"reason": "why", "replaces": "btc-0"},
        "btc-2 is in production by now, not btc-0",
    ),
]


def test_what_can_not_be_asked_says_why(api: Namespace, board: Served) -> None:
    put_two(api)
    api.put(judged(api.put(schedule("other")), "other-1"))
    look(board, api)
    before = [api.read("ModelVersion", f"btc-{n}")["metadata"]["generation"] for n in (1, 2)]
    for name, action, fields, said in REFUSED:
        shown = answer(board, ask(board, api, action, **fields))
        assert shown.startswith("refused "), name
        assert said in shown, name
    after = [api.read("ModelVersion", f"btc-{n}")["metadata"]["generation"] for n in (1, 2)]
    assert before == after


def test_a_form_counts_once(api: Namespace, board: Served) -> None:
    put_two(api)
    once = board.desk.ledger.ticket()
    fields = {"action": "run", "once": once}
    places = {send(board, api, fields).headers["location"] for _ in range(3)}
    assert places == {f"/ns/{api.name}/schedules/btc-eth?asked={once}"}
    fields = {"action": "halt", "reason": "why", "replaces": "btc-2", "version": "btc-2",
              "back": "version", "once": board.desk.ledger.ticket()}  # fmt: skip
    place = send(board, api, fields).headers["location"]
    assert place.startswith(f"/ns/{api.name}/versions/btc-2?asked=")
    decide(api, "btc-2", "Halted", "production is empty")
    send(board, api, fields)
    assert "request" not in api.read("ModelVersion", "btc-2")["spec"]


def test_a_run_is_asked_for_and_told(api: Namespace, board: Served) -> None:
    owner = api.put(schedule(**PRODUCTION))
    look(board, api)
    address = ask(board, api, "run")
    token = api.read("TrainingSchedule", "btc-eth")["metadata"]["annotations"][RUN_NOW]
    assert answer(board, address).startswith("waiting The run")
    run = judged(owner, "btc-eth-m-1")
    run["spec"]["trigger"] = {"type": "Manual", "reason": token}
    api.put(run)
    look(board, api)
    assert answer(board, address) == "done Run btc-eth-m-1: Succeeded"


def test_a_refused_run_is_told(api: Namespace, board: Served) -> None:
    api.put(schedule(**PRODUCTION))
    address = ask(board, api, "run")
    token = api.read("TrainingSchedule", "btc-eth")["metadata"]["annotations"][RUN_NOW]
    skip = {"from": "2025-12-01T00:00:00Z", "to": "2025-12-01T00:00:00Z", "count": 1,
            "reason": "TooManyActive", "message": f"{token}: 20 runs are active"}  # fmt: skip
    api.put(schedule(**PRODUCTION, lastRunToken=token, skipped=[skip]))
    look(board, api)
    assert answer(board, address).startswith("refused The run was refused. dashboard-")


def test_a_form_that_is_too_long_is_refused(alone: Served) -> None:
    path = "/ns/trading/schedules/btc-eth/ask"
    assert alone.browser.send(path, {"reason": "x" * 70_000}).status == 413


def test_a_cluster_that_is_away_is_said(alone: Served) -> None:
    fields = {"action": "run", "once": alone.desk.ledger.ticket()}
    place = alone.browser.send("/ns/trading/schedules/btc-eth/ask", fields).headers["location"]
    assert "does not answer" in answer(alone, place)


@pytest.mark.parametrize("place", ["schedules/btc-eth", "versions/btc-1"])
def test_an_answer_that_nobody_knows_is_not_shown(place: str, alone: Served) -> None:
    assert "answer" not in alone.browser.get(f"/ns/trading/{place}?asked=unknown").text
