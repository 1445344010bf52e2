"""Into production and back on a real API server and store: executed once, whatever breaks."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from clm_api.layout import RunLayout, production_pointer, replay_report
from tests.cli.app import app
from tests.operator.rig import Rig, condition
from tests.operator.test_faults import KillAtWrite
from tests.support.ports import eventually
from tests.support.proxy import Proxy, Verdict, let_pass
from tests.support.schedules import schedule

Raw = dict[str, Any]
LENIENT = {"minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0, "maxDrawdown": 1}
NAME = "moved"


NEVER_ENDS = ["sleep", "600"]
"""A replay follows each promotion at once: while it works nothing more is written."""


def candidates(rig: Rig, count: int) -> list[str]:
    """Train versions that all pass; return their names, oldest first."""
    promotion = {"criteria": LENIENT | {"minTrades": 0}}
    rig.apply(schedule(NAME, rig.namespace, runOnCreate=False, promotion=promotion))
    names: list[str] = []
    for number in range(count):
        token = f"clm.dev/run-now={number}"
        rig.plane.kubectl("-n", rig.namespace, "annotate", "tsched", NAME, token, "--overwrite")
        found = rig.wait_ended(NAME, number + 1)
        names += [n for v in found if (n := v["metadata"]["name"]) not in names]
    eventually(lambda: rig.version(names[-1])["status"]["stage"] == "CANDIDATE", "a candidate")
    return names


def pointer(rig: Rig) -> Raw:
    """Read the store's object; empty where there is none."""
    found = rig.storage.get(production_pointer(rig.namespace, NAME))
    return dict(json.loads(found or b"{}"))


def decided(rig: Rig, name: str) -> str:
    """Wait until a version's request is decided."""
    return eventually(lambda: rig.outcome(name), f"the request of {name} is decided")


def agrees(rig: Rig, name: str) -> bool:
    """Whether pointer, stages and the store name this version, and no request is left."""
    versions = rig.versions(NAME)
    there = [v["metadata"]["name"] for v in versions if v["status"]["stage"] == "PRODUCTION"]
    named = rig.schedule(NAME)["status"].get("production", {}).get("version")
    asked = [v for v in versions if "request" in v["spec"]]
    return there == [named] == [name] and not asked and pointer(rig).get("version") == name


def is_flat(rig: Rig) -> bool:
    """Whether schedule, stages and the store say that nothing is in production."""
    status, versions = rig.schedule(NAME)["status"], rig.versions(NAME)
    there = [v for v in versions if v["status"]["stage"] == "PRODUCTION"]
    asked = [v for v in versions if "request" in v["spec"]]
    named = "production" in status or "halted" not in status
    flat = {"version": None, "manifest": None, "sha256": None}.items() <= pointer(rig).items()
    return flat and not (there or asked or named)


def model_key(rig: Rig, name: str) -> str:
    """Return the object of a version's model."""
    layout = RunLayout(rig.namespace, NAME, rig.version(name)["metadata"]["uid"])
    return next(k for k in rig.minio.keys(rig.namespace, layout.prefix) if "/model/" in k)


def change(rig: Rig, key: str, spoil: Callable[[bytes], bytes]) -> bytes:
    """Change an object in the store; return what it was."""
    before = rig.minio.read(rig.namespace, key)
    rig.storage.put(key, spoil(before))
    return before


def clm(rig: Rig, *words: str) -> str:
    """Run a command as the administrator; return what it prints, or its error."""
    environment = {"KUBECONFIG": str(rig.plane.kubeconfig), "COLUMNS": "200"}
    result = CliRunner(env=environment).invoke(app, [*words, "-n", rig.namespace])
    error = result.exception
    return (
        f"{error.reason}: {error}" if isinstance(error, ClmError) else result.stdout or str(error)
    )


def decisions(rig: Rig) -> dict[str, float]:
    """Sum what the running operators counted, by outcome."""
    pattern = r'^clm_promotions_total\{namespace="(.*)",outcome="(.*)",schedule="(.*)"\} (.*)$'
    found: Counter[str] = Counter()
    for operator in rig.operators:
        for namespace, outcome, name, value in re.findall(
            pattern, operator.get("/metrics")[1], re.MULTILINE
        ):
            assert (namespace, name) == (rig.namespace, NAME)
            found[outcome] += int(float(value))
    return dict(+found)


def waits(rig: Rig, name: str, kind: str) -> None:
    """Wait for a version's condition as a person does."""
    words = ("wait", f"mv/{name}", f"--for=condition={kind}", "--timeout=30s")
    assert "condition met" in rig.plane.kubectl("-n", rig.namespace, *words)


def last_byte(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def test_into_production_and_back(rig: Rig) -> None:
    rig.start_operator()
    first, second = candidates(rig, 2)
    eventually(lambda: rig.version(first)["status"]["stage"] == "ARCHIVED", "superseded")
    rig.kubelet.replace_command = NEVER_ENDS
    rig.operators[-1].kill()

    for name in (first, second):
        rig.ask(name, replaces="")
    for _ in range(2):
        rig.start_operator()  # two at once: only the guards keep them apart
    assert {decided(rig, n) for n in (first, second)} == {"Promoted", "PromotionConflict"}
    eventually(lambda: agrees(rig, first), f"all names {first}")
    assert rig.schedule(NAME)["status"].get("previous") in (None, [])
    seen = pointer(rig)
    version, owner = rig.version(first), rig.schedule(NAME)
    assert (seen["sha256"], seen["manifest"], seen["scheduleUid"]) == (
        version["status"]["artifact"]["sha256"], version["status"]["artifact"]["uri"],
        owner["metadata"]["uid"],
    )  # fmt: skip
    assert seen["since"] == owner["status"]["production"]["since"]
    for kind in ("InProduction", "CriteriaMet", "ArtifactVerified", "Ready"):
        waits(rig, first, kind)

    whole = change(rig, model_key(rig, second), last_byte)
    rig.ask(second)
    assert decided(rig, second) == "ArtifactCorrupt"
    assert agrees(rig, first)
    rig.storage.put(model_key(rig, second), whole)
    said = clm(rig, "promote", second, "--reason", "fewer losses")
    assert said.startswith(f"Promoted: {second} is in production, replaces {first}")
    between = rig.schedule(NAME)["status"]["production"]["since"]

    whole = change(rig, model_key(rig, first), last_byte)
    said = clm(rig, "rollback", NAME, "--reason", "a bad night")
    assert said.startswith(f"ArtifactCorrupt: {first}: ")
    rig.storage.put(model_key(rig, first), whole)
    said = clm(rig, "rollback", NAME, "--reason", "a bad night")
    assert said.startswith(f"RolledBack: {first} is in production, replaces {second}")
    (told,) = json.loads(clm(rig, "history", NAME, "--at", between, "-o", "json"))
    assert told | {"to": ""} == {
        "version": second, "since": between.replace("Z", "+00:00"), "to": "", "by": "admin",
        "reason": "fewer losses", "replacedBy": first,
    }  # fmt: skip
    assert "no earlier version to roll back to" in clm(rig, "rollback", NAME, "--reason", "again")
    eventually(lambda: agrees(rig, first), f"all names {first} again")
    previous = rig.schedule(NAME)["status"]["previous"]
    assert [p["version"] for p in previous] == [first, second]
    reasons = {e["reason"] for e in rig.plane.list(rig.namespace, "events")}
    assert {"Promoted", "RolledBack", "Archived", "PromotionConflict", "ArtifactCorrupt"} <= reasons

    assert decisions(rig) == {
        "Promoted": 2, "PromotionConflict": 1, "ArtifactCorrupt": 2, "RolledBack": 1,
    }  # fmt: skip
    for operator in rig.operators:
        operator.kill()
    rig.storage.put(production_pointer(rig.namespace, NAME), b"{}")
    before = learned(rig)
    rig.start_operator()
    eventually(lambda: agrees(rig, first), "the pointer is repaired")
    rig.settle()
    assert learned(rig) == before, "the API server has nothing to learn from it"


def learned(rig: Rig) -> tuple[list[Raw], Raw]:
    """Return all that is known of versions, and of production but for replays of it."""
    status = rig.schedule(NAME)["status"]
    production = status["production"] | {"live": None}
    return rig.versions(NAME), {"production": production, "previous": status["previous"]}


def is_cut_off(rig: Rig, number: int, ask: Callable[[], None], done: Callable[[], bool]) -> bool:
    """Ask, and kill the operator after so many writes; return whether it made as many."""
    fault = KillAtWrite(rig, number, Verdict.SWALLOW)
    rig.api.judge, rig.api.after = fault.judge, fault.after
    ask()
    eventually(lambda: rig.operators[-1].ended or done(), f"write {number} kills, or is not needed")
    if killed := fault.stop():
        rig.start_operator()
    eventually(done, f"cut off after write {number}: it is done")
    return killed


@pytest.mark.slow
def test_killed_after_any_write_of_a_promotion_or_a_halt_it_is_executed_once(rig: Rig) -> None:
    """Killed before a write is killed after the one before it."""
    rig.start_operator()
    pair = itertools.cycle(candidates(rig, 2))
    rig.ask(name := next(pair))
    eventually(lambda: agrees(rig, name), f"all names {name}")
    halts, previous = True, list[tuple[str, str | None]]()
    for number in itertools.count(1):
        previous.append((name, None))
        name = next(pair)
        moved = is_cut_off(rig, number, partial(rig.ask, name), partial(agrees, rig, name))
        if halts:
            previous.append((name, "admin"))
            ask = partial(rig.ask, name, stage="ARCHIVED", replaces=name)
            halts = is_cut_off(rig, number, ask, partial(is_flat, rig))
            assert rig.outcome(name) == "Halted"
            rig.ask(name)
            eventually(lambda name=name: agrees(rig, name), f"all names {name} again")  # type: ignore[misc]
        found = rig.schedule(NAME)["status"]["previous"]
        said = [(p["version"], p.get("emptied", {}).get("by")) for p in found]
        assert said == previous[-20:], "one move of the pointer for each request"
        assert all(a["to"] == b["from"] for a, b in itertools.pairwise(found) if "emptied" not in a)
        if not moved and not halts:
            break
    assert number > 5, "the pointer, two stages, the removal, events"


def test_a_rollback_asks_no_exchange_and_waits_for_the_store_alone(rig: Rig) -> None:
    exchange = Proxy("http://127.0.0.1:9", judge=lambda _: Verdict.REFUSE)
    try:
        rig.config_overrides["exchangeUrl"] = exchange.url
        rig.start_operator()
        first, second = candidates(rig, 2)
        rig.kubelet.replace_command = NEVER_ENDS
        for name in (first, second):
            rig.ask(name)
            eventually(lambda name=name: agrees(rig, name), f"all names {name}")  # type: ignore[misc]

        rig.store_proxy.judge = lambda _: Verdict.REFUSE
        rig.ask(first, reason="a bad night")
        waits = eventually(lambda: waiting_for_the_store(rig, first), "it says what it waits for")
        assert waits["reason"] == "StorageUnavailable", waits
        rig.settle()
        before, asked = rig.version(first), len(rig.store_proxy.seen)
        eventually(lambda: len(rig.store_proxy.seen) > asked + 20, "the store is asked again")
        assert rig.version(first) == before, "said once"
        assert rig.outcome(first) is None
        assert rig.schedule(NAME)["status"]["production"]["version"] == second
        rig.store_proxy.judge = let_pass
        assert decided(rig, first) == "RolledBack"
        eventually(lambda: agrees(rig, first), f"all names {first} again")
        whole = condition(rig.version(first)["status"], "ArtifactVerified")
        assert whole["status"] == "True"
        assert exchange.seen == []
    finally:
        exchange.stop()


def waiting_for_the_store(rig: Rig, name: str) -> Raw | None:
    """Return the condition that says why a request is not decided yet."""
    found = condition(rig.version(name)["status"], "ArtifactVerified")
    return found if found["status"] == "Unknown" else None


def test_what_retention_was_cut_off_from_is_finished_and_nothing_else(rig: Rig) -> None:
    rig.apply(schedule("alive", rig.namespace, runOnCreate=False))
    owner = rig.schedule("alive")["metadata"]["uid"]
    runs = {kind: RunLayout(rig.namespace, "alive", str(uuid4())) for kind in ("cut", "vanished")}
    orphan = RunLayout(rig.namespace, "alive", str(uuid4()))
    for kind, layout in runs.items():
        stone = {
            "namespace": rig.namespace, "schedule": "alive", "version": f"alive-{kind}",
            "scheduleUid": owner if kind == "cut" else str(uuid4()), "uid": layout.uid,
        }  # fmt: skip
        rig.storage.put(layout.tombstone, json.dumps(stone).encode())
    for layout in (*runs.values(), orphan):
        rig.storage.put(layout.manifest, b"{}")
        rig.storage.put(layout.progress("pod"), b"{}")
    reports = [replay_report(rig.namespace, "alive", owner, n) for n in range(1000, 1203)]
    for path in reports:
        rig.storage.put(path, b"{}")
    rig.start_operator()
    eventually(lambda: not rig.minio.keys(rig.namespace, runs["cut"].prefix), "the rest is gone")
    eventually(lambda: rig.storage.get(runs["cut"].tombstone) is None, "and its tombstone")
    assert len(rig.minio.keys(rig.namespace, runs["vanished"].prefix)) == 2
    assert len(rig.minio.keys(rig.namespace, orphan.prefix)) == 2
    eventually(
        lambda: sorted(rig.minio.keys(rig.namespace, "evaluations")) == reports[3:],
        "of the reports the newest 200 are left",
    )
