"""``clm simulate --cluster``: the operator's part is played on a real API server."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

import clm_cli.simulate_cluster
from clm_api import API_VERSION
from clm_api.errors import ClmError
from clm_cli.cluster import ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.support.proxy import Proxy, Seen, Verdict
from tests.support.schedules import schedule, schedule_spec

Raw = dict[str, Any]
RUNNER = CliRunner(env={"COLUMNS": "160"})
VARIANTS: list[Raw] = [
    {"name": "as-is"},
    {"name": "deep", "patch": {"model": {"xgboost": {"maxDepth": 5}}}},
]
SPAN = {"from": "2024-01-01T00:00:00Z", "to": "2024-03-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clm_cli.simulate_cluster, "POLL_S", 0.0)


def simulation(**spec: Any) -> Raw:
    return {
        "apiVersion": API_VERSION,
        "kind": "Simulation",
        "metadata": {"name": "choice"},
        "spec": {"schedule": schedule_spec(), **SPAN, "parallelism": 4, **spec},
    }


def variant(name: str, trained: int, **more: Any) -> Raw:
    phase = "Succeeded" if trained == 8 else "Running"
    return {"name": name, "phase": phase, "slots": 8, "trained": trained} | more


def training(*trained: int, **more: Any) -> Raw:
    """Return a status: versions of each variant that are trained."""
    names = ["as-is", "deep"][: len(trained)]
    done, all_ = sum(trained), 8 * len(trained)
    return {
        "observedGeneration": 1, "phase": "Running", "reason": "Simulating", "slots": all_,
        "trained": done, "percent": 100 * done // all_,
        "variants": [variant(*pair) for pair in zip(names, trained, strict=True)],
        **more,
    }  # fmt: skip


def ended(variants: int, **more: Any) -> Raw:
    figures = {"failed": 1, "passed": 3, "promotions": 3, "totalReturn": -0.208, "sharpe": -0.77,
               "maxDrawdown": 0.318, "buyAndHold": 0.718}  # fmt: skip
    other = figures | {"totalReturn": 0.05, "sharpe": 0.4, "passed": 1, "promotions": 1}
    rows = [variant("as-is", 8, **figures), variant("deep", 8, **other)][:variants]
    best = rows[-1]
    return training(*[8] * variants) | {
        "phase": "Succeeded", "reason": "Simulated", "message": "2 variants", "variants": rows,
        "best": best["name"], "totalReturn": best["totalReturn"], "sharpe": best["sharpe"],
        "overfittingProbability": 0.45,
        "reportUri": "s3://clm/simulations/x/choice/uid/attempts/pod/report.html",
        "uri": "s3://clm/simulations/x/choice/uid", **more,
    }  # fmt: skip


@dataclass
class Played:
    """Stands in the way: before each look of the command the next status is written."""

    api: Namespace
    name: str = "choice"
    steps: list[Raw | int | Callable[[], Any]] = field(default_factory=list)

    def judge(self, seen: Seen) -> Verdict | int:
        """Take a step if the simulation is read and is there."""
        path = self.api.path("Simulation", self.name)
        there = seen == Seen("GET", path) and self.api.plane.request("GET", path)
        if not there:
            return Verdict.PASS
        if not self.steps:
            return HTTPStatus.GONE
        step = self.steps.pop(0)
        if isinstance(step, int):
            return step
        if callable(step):
            step()
        elif step:
            status = {"status": step}
            kind = "application/merge-patch+json"
            self.api.plane.request("PATCH", f"{path}/status", status, kind)
        return Verdict.PASS


@pytest.fixture
def played(api: Namespace, proxy: Proxy) -> Played:
    found = Played(api)
    proxy.judge = found.judge
    return found


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes documents to a file."""

    def write(*documents: Raw) -> Path:
        path = tmp_path / "sim.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        return path

    return write


def called(*words: object) -> Result:
    return RUNNER.invoke(app, ["simulate", "--cluster", *map(str, words)])


ONE = [
    "choice        2024-01-01..2024-03-01  8 versions, 1 failed",
    "passed        3 of 7",
    "promotions    3",
    "production    return -20.8%  maxdd 0.318  sharpe -0.77",
    "buy and hold  return +71.8%",
    "choosing      probability of backtest overfitting 0.45 among versions",
    "answer        the schedule and its gate would have lost 20.8% after costs",
]
SEVERAL = [
    "variant  versions  failed  passed  promotions  return  maxdd  sharpe  buy and hold",
    "as-is    8         1       3       3           -20.8%  0.318  -0.77   +71.8%",
    "deep     8         1       1       1           +5.0%   0.318  0.40    +71.8%",
    "choosing      probability of backtest overfitting 0.45 among versions of all variants",
    "answer        deep, the best of 2: the schedule and its gate would have made 5.0% after costs",
]


@pytest.mark.parametrize(
    ("variants", "expected"), [(1, ONE), (2, SEVERAL)], ids=["one variant", "several"]
)
def test_a_simulation_is_followed_to_its_answer(
    variants: int, expected: list[str], played: Played, proxy: Proxy, file: Callable[..., Path]
) -> None:
    end = ended(variants)
    waits = training(*[2] * variants) | {"estimatedCompletionTime": "2025-12-02T12:00:00Z"}
    played.steps = [{}, {}, waits, waits, training(*[8] * variants, reason="Reducing"), end]
    result = called(file(simulation(variants=VARIANTS[: variants if variants > 1 else 0])), "-f")
    assert result.exit_code == 0, result.exception
    assert [line.rstrip() for line in result.stdout.splitlines()] == [*expected, end["reportUri"]]
    each = "  as-is 2/8  deep 2/8" if variants == 2 else ""
    lines = result.stderr.splitlines()
    assert lines[:2] == ["made Simulation choice", "choice  waiting for the operator"]
    counted = f"{2 * variants} of {8 * variants} versions"
    assert lines[2].startswith(f"choice   25 %  {counted}{each}  Simulating  ends about 2025-12-")
    assert len(lines) == 5, "a line for each news"
    writes = [seen for seen in proxy.seen if seen.method != "GET"]
    assert writes == [Seen("POST", played.api.path("Simulation"))]


def test_without_f_it_is_made_and_its_name_and_what_to_do_are_said(
    played: Played, file: Callable[..., Path]
) -> None:
    played.steps = [{}]
    result = called(file(simulation()))
    assert result.exit_code == 0, result.exception
    place = f"choice -n {played.api.name}"
    assert result.stdout == (
        f'choice: look with "kubectl get sim {place} -w", follow it by the same command with -f, '
        f'end it with "kubectl delete sim {place}"\n'
    )
    assert played.api.read("Simulation", "choice")["spec"]["parallelism"] == 4


def test_a_removed_field_of_a_patch_reaches_the_operator(
    played: Played, file: Callable[..., Path]
) -> None:
    patch = {"model": {"family": "lightgbm", "xgboost": None}}
    played.steps = [{}]
    result = called(file(simulation(variants=[{"name": "lgbm", "patch": patch}])), "-o", "yaml")
    assert result.exit_code == 0, result.exception
    assert yaml.safe_load(result.stdout)["spec"]["variants"][0]["patch"] == patch


def test_one_that_is_there_is_followed_and_another_one_of_its_name_is_refused(
    played: Played, file: Callable[..., Path]
) -> None:
    played.steps = [{}]
    called(file(simulation()))
    played.steps = [{}, ended(1)]
    again = called(file(simulation()), "-f", "-o", "json")
    assert again.exit_code == 0, again.exception
    assert json.loads(again.stdout)["status"]["sharpe"] == -0.77
    assert "Simulation choice is there" in again.stderr
    other = simulation(schedule=schedule_spec(evaluation={"periodDays": 31}))
    played.steps = [{}]
    refused = called(file(other), "-f")
    assert isinstance(refused.exception, ClusterError)
    assert "its spec.schedule.evaluation.periodDays is another one" in str(refused.exception)


def test_a_schedule_is_made_a_simulation_whose_name_stays(
    played: Played, file: Callable[..., Path]
) -> None:
    path, span = file(schedule("btc-eth", "")), ("--from", "2024-01-01", "--to", "2024-03-01")
    played.steps = [{}]
    made = called(path, *span, "--parallelism", "8", "-o", "json")
    assert made.exit_code == 0, made.exception
    found = json.loads(made.stdout)
    played.name = found["metadata"]["name"]
    assert played.name.startswith("btc-eth-")
    assert found["spec"]["parallelism"] == 8
    assert {key: found["spec"][key] for key in SPAN} == SPAN
    assert found["spec"]["schedule"]["data"]["symbols"] == ["BTC/USDT", "ETH/USDT"]
    played.steps = [{}]
    again = called(path, *span, "--parallelism", "8")
    assert again.stdout.startswith(f"{played.name}: ")
    assert f"Simulation {played.name} is there" in again.stderr


def test_broken_connections_and_a_busy_server_are_waited_for(
    played: Played, file: Callable[..., Path]
) -> None:
    played.steps = [{}, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS,
                    training(3), HTTPStatus.BAD_GATEWAY, ended(1)]  # fmt: skip
    result = called(file(simulation()), "-f")
    assert result.exit_code == 0, result.exception
    assert result.stderr.count("the simulation goes on, and so does this command") == 2


def test_what_holds_it_up_is_said_whenever_it_changes(
    played: Played, file: Callable[..., Path]
) -> None:
    pending = {"observedGeneration": 1, "phase": "Pending", "reason": "Queued", "message": "2nd"}
    slow = training(2, 2)
    slow["variants"][1] |= {"message": "deep waits for a GPU [/red]"}
    played.steps = [{}, pending, pending, slow, slow, training(4, 4), slow, ended(2)]
    result = called(file(simulation(variants=VARIANTS)), "-f")
    assert result.exit_code == 0, result.exception
    waits = [line for line in result.stderr.splitlines() if ": " in line]
    wanted = "deep: deep waits for a GPU [/red]"
    assert waits == ["choice: Queued: 2nd", wanted, wanted]


@pytest.mark.parametrize(
    ("reason", "code"), [("SpecInvalid", 64), ("SimulationFailed", 1)], ids=str
)
def test_a_failed_simulation_ends_with_its_reasons_code(
    reason: str, code: int, played: Played, file: Callable[..., Path]
) -> None:
    failed = {"observedGeneration": 1, "phase": "Failed", "reason": reason, "message": "no way"}
    played.steps = [{}, failed]
    result = called(file(simulation()), "-f")
    assert isinstance(result.exception, ClmError)
    assert (result.exception.exit_code, result.exception.message) == (code, "choice: no way")


def test_an_interruption_leaves_it_running_and_says_how_to_go_on(
    played: Played, file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    played.steps = [{}, training(3)]
    result = called(file(simulation()), "-f")
    assert result.exit_code == 130
    assert "choice goes on: look with" in result.stderr
    assert played.api.read("Simulation", "choice")["status"]["phase"] == "Running"


def test_one_that_is_deleted_meanwhile_is_one_sentence(
    played: Played, file: Callable[..., Path]
) -> None:
    path = played.api.path("Simulation", "choice")
    played.steps = [{}, training(3), lambda: played.api.plane.request("DELETE", path)]
    result = called(file(simulation()), "-f")
    assert str(result.exception) == "Simulation choice was deleted before it ended"


def test_an_operator_that_does_not_run_is_asked_for(
    played: Played, file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.simulate_cluster, "PATIENCE_S", -1.0)
    played.steps = [{}, {}, {}, ended(1)]
    result = called(file(simulation()), "-f")
    assert result.exit_code == 0
    assert result.stderr.count("does it run?") == 1


SCHEDULE = schedule("btc-eth", "")
WRONG: list[tuple[str, list[Raw], list[str], str]] = [
    ("an end before the beginning", [SCHEDULE], ["--from", "2024-02-01", "--to", "2024-01-01"],
     "--from: 2024-02-01 is not before --to 2024-01-01"),
    ("a schedule without a span", [SCHEDULE], [], "--from, --to: give both"),
    ("a simulation with another span", [simulation()],
     ["--from", "2024-01-01", "--to", "2024-02-01"], "--from, --to: "),
    ("two simulations", [simulation(), simulation()], [], "holds 2 Simulations"),
    ("nothing to simulate", [{"apiVersion": API_VERSION, "kind": "ModelVersion",
     "metadata": {"name": "x"}, "spec": {}}], [], "holds no Simulation and 0 TrainingSchedules"),
    ("fewer pods than variants", [simulation(variants=VARIANTS)], ["--parallelism", "1"],
     "spec.parallelism must be at least the number of spec.variants"),
    ("a variant that is no schedule", [simulation(
        variants=[{"name": "bare", "patch": {"data": None}}])], [],
     "spec.variants[bare].patch.data: is missing"),
    ("a name that is too long", [simulation() | {"metadata": {"name": "n" * 53}}], [],
     "metadata.name of a Simulation must match"),
    ("another namespace than the file's",
     [simulation() | {"metadata": {"name": "choice", "namespace": "theirs"}}], ["-n", "ours"],
     "--namespace: ours is not the one of"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("documents", "options", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_what_cant_be_simulated_is_refused_before_the_cluster_is_asked(
    documents: list[Raw], options: list[str], said: str, file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    error = called(file(*documents), *options).exception
    assert isinstance(error, ClmError)
    assert (error.exit_code, said in error.message) == (64, True), error.message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-f"], "--follow: has a meaning with --cluster alone"),
        (["-o", "json"], "--output: has a meaning with --cluster alone"),
        (["--from", "2024-01-01"], "--to, --store: is needed for a simulation on this machine"),
    ],
    ids=["to follow", "a document", "half of what is needed"],
)
def test_here_it_needs_what_it_needs(
    options: list[str], said: str, file: Callable[..., Path]
) -> None:
    result = RUNNER.invoke(app, ["simulate", str(file(SCHEDULE)), *options])
    assert said in str(result.exception)
