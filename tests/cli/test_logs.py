"""``clm logs`` on the real API server, which reads the logs from a node as it does anywhere."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import clm_cli.logs
from clm_cli.cluster import ClusterError
from tests.cli.app import app
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule, version
from tests.support.control_plane import ControlPlane
from tests.support.log_node import NAME as NODE
from tests.support.log_node import ContainerLog, LogNode
from tests.support.proxy import Proxy, Seen, Verdict

Raw = dict[str, Any]
RUNNER = CliRunner(env={"COLUMNS": "80", "TZ": "UTC"})
RUN = "btc-eth-29410920"
RUNNING = {"running": {"startedAt": "2025-12-02T06:00:03Z"}}
ENDED = {"terminated": {"exitCode": 0}}
PULLING = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
LONG = "sharpe 1.23 ≥ 1.0 · winRate 0.570 ≥ 0.52 · profitFactor 1.52 ≥ 1.3 · maxDrawdown 0.120"


def line(message: str, stage: str = "train") -> str:
    moment = "2025-12-02T06:00:04.000+00:00"
    return json.dumps({"time": moment, "level": "info", "message": message, "stage": stage})


def shown(message: str, stage: str = "train") -> str:
    return f"2025-12-02 06:00:04  info     {stage:<8}  {message}"


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Iterator[LogNode]:
    node = LogNode(plane)
    yield node
    node.close()


@dataclass
class Stage:
    """A run that changes by one step whenever the command looks at its version."""

    api: Namespace
    node: LogNode
    steps: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = self.api.put(schedule())

    def judge(self, seen: Seen) -> Verdict | int:
        """Take a step; a look after the last one is refused instead of looking for ever."""
        if seen != Seen("GET", self.api.path("ModelVersion", RUN)):
            return Verdict.PASS
        if not self.steps:
            return HTTPStatus.GONE
        self.steps.pop(0)()
        return Verdict.PASS

    def run(self, **status: Any) -> None:
        """Write the version."""
        self.api.put(version(self.owner, RUN, **status))

    def verdict(self) -> None:
        """Write the version as it is in the end."""
        self.api.put(judged(self.owner, RUN, message="profitFactor 1.12 < 1.3"))

    def pod(self, name: str, state: Raw, log: ContainerLog | None = None, node: str = NODE) -> None:
        """Write a pod; its log is on the node."""
        if log is not None:
            self.node.logs[self.name(name)] = log
        container = {
            "name": "trainer", "image": "x", "imageID": "", "ready": False, "restartCount": 0,
            "state": state,
        }  # fmt: skip
        self.api.put_pod(self.name(name), RUN, node, containerStatuses=[container])

    def name(self, pod: str) -> str:
        return f"{self.api.name}-{pod}"

    def clm(self, *words: str) -> Result:
        """Run the command."""
        return RUNNER.invoke(app, ["logs", *words], catch_exceptions=False)

    def refused(self, *words: str) -> str:
        """Run the command and return why it can't."""
        error = RUNNER.invoke(app, ["logs", *words]).exception
        assert isinstance(error, ClusterError), error
        return str(error).replace(f"{self.api.name}-", "")


def nothing() -> None:
    """Be a step at which nothing happens."""


@pytest.fixture
def stage(api: Namespace, proxy: Proxy, node: LogNode, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(clm_cli.logs, "POLL_S", 0.0)
    stage = Stage(api, node)
    proxy.judge = stage.judge
    return stage


def log(*lines: str, breaks_after: tuple[int, ...] = ()) -> ContainerLog:
    """Build a log that is whole."""
    return ContainerLog(list(lines), ended=True, breaks_after=list(breaks_after))


def test_the_newest_runs_log_reads_well(stage: Stage) -> None:
    older = version(stage.owner, "btc-eth-m-fff", slot="2025-12-01T06:00:00Z")
    stage.api.put(older)
    stage.run(phase="Running")
    stage.pod("first", ENDED, log(line("of the first pod")))
    stage.pod("second", RUNNING, log(line("35040 bars", "fetch"), "Killed", line(LONG)))
    stage.steps = [nothing]
    result = stage.clm("btc-eth")
    assert result.stdout.splitlines() == [shown("35040 bars", "fetch"), "Killed", shown(LONG)]
    assert result.stderr == ""
    assert stage.clm(RUN).stdout == result.stdout, "a version's name does as well"


def test_json_is_what_the_pod_wrote(stage: Stage) -> None:
    stage.run(phase="Running")
    written = [line("a\tb  [c]"), "Killed\tby  [the kernel]"]
    stage.pod("only", ENDED, log(*written))
    assert stage.clm("btc-eth", "-o", "json").stdout == "".join(f"{one}\n" for one in written)


def test_a_run_is_followed_through_its_pods_to_the_verdict(stage: Stage) -> None:
    first, second = log(line("one"), line("two")), log(line("three"))
    stage.run(phase="Pending", reason="RunScheduled")

    def replaced() -> None:
        stage.pod("a", ENDED)
        stage.pod("b", PULLING)

    stage.steps = [
        nothing,
        lambda: stage.pod("a", PULLING),
        lambda: stage.pod("a", RUNNING, first),
        lambda: first.write(line("and its last word")),
        replaced,
        nothing,
        lambda: stage.pod("b", RUNNING, second),
        lambda: stage.pod("b", ENDED),
        lambda: stage.run(phase="Running", reason="TrainingStarted"),
        stage.verdict,
    ]
    result = stage.clm("btc-eth", "-f")
    assert result.exit_code == 0
    assert stage.steps == []
    said = ["one", "two", "and its last word", "three"]
    assert result.stdout.splitlines() == [shown(message) for message in said]
    assert result.stderr.replace(f"{stage.api.name}-", "").splitlines() == [
        f"{RUN}  Pending  RunScheduled",
        "pod a has not started: ImagePullBackOff: no such image",
        "the log of pod a",
        "pod b has not started: ImagePullBackOff: no such image",
        "the log of pod b",
        f"{RUN}  Running  TrainingStarted",
        f"{RUN}: REJECTED: profitFactor 1.12 < 1.3",
    ]


def test_a_broken_connection_costs_no_line_and_doubles_none(stage: Stage) -> None:
    stage.run(phase="Running")
    stage.pod("a", RUNNING, log(*map(line, "abcde"), breaks_after=(2, 0, 4)))
    stage.steps = [nothing] * 3 + [lambda: stage.pod("a", ENDED), stage.verdict]
    result = stage.clm("btc-eth", "-f")
    assert (result.exit_code, stage.steps) == (0, [])
    assert result.stdout.splitlines() == [shown(letter) for letter in "abcde"]


def test_a_failed_run_is_exit_code_1_and_its_reason(stage: Stage) -> None:
    stage.run(phase="Failed", stage="FAILED", reason="DataGap", message="a hole of 24 bars")
    stage.pod("a", ENDED, log(line("a hole of 24 bars")))
    stage.steps = [nothing] * 2
    result = stage.clm("btc-eth", "-f")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [shown("a hole of 24 bars")]
    assert f"error: {RUN}: DataGap: a hole of 24 bars" in result.stderr


def test_a_pod_that_vanishes_while_it_is_read_ends_nothing_but_itself(stage: Stage) -> None:
    stage.run(phase="Running")
    stage.pod("a", RUNNING, log(line("one")))
    path = f"/api/v1/namespaces/{stage.api.name}/pods/{stage.name('a')}?gracePeriodSeconds=0"

    def gone() -> None:
        stage.api.plane.request("DELETE", path)

    stage.steps = [nothing, gone, stage.verdict]
    result = stage.clm("btc-eth", "-f")
    assert (result.exit_code, stage.steps) == (0, [])
    assert result.stdout.splitlines() == [shown("one")]


@pytest.mark.parametrize("options", [[], ["-f"]], ids=["once", "followed"])
def test_a_log_that_is_gone_leaves_the_report_and_the_reason(
    stage: Stage, options: list[str]
) -> None:
    stage.steps = [nothing] * 9
    stage.verdict()
    said = stage.refused(RUN, *options)
    assert said.startswith(f"the pod of {RUN} is gone with its log; it ended as REJECTED; its rep")
    assert "report: s3://clm/runs/trading/btc-eth/uid/attempts/pod/report.html" in said
    stage.run(phase="Failed", stage="FAILED", reason="SpecInvalid", message="a typo")
    said = stage.refused(RUN, *options)
    assert said == f"the pod of {RUN} is gone with its log; the run failed: SpecInvalid: a typo"


@pytest.mark.parametrize("options", [[], ["-f"]], ids=["once", "followed"])
def test_a_log_outlives_its_pod_in_the_store(
    stage: Stage, options: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "trading" / "btc-eth" / "uid"
    kept = folder / "attempts" / "pod" / "log.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text(f"{line('one')}\n{line('two')}\n")
    where = {"runUri": folder.as_uri(), "podUid": "pod"}
    stage.steps = [nothing] * 9
    stage.run(phase="Failed", stage="FAILED", reason="DataGap", message="a hole", **where)
    result = stage.clm(RUN, *options)
    assert result.exit_code == (1 if options else 0)
    assert result.stdout.splitlines() == [shown("one"), shown("two")]
    kept.unlink()
    assert "the store holds no runs/trading/btc-eth/uid" in stage.refused(RUN, *options)


def test_what_has_not_begun_says_so(stage: Stage) -> None:
    stage.steps = [nothing] * 9
    assert stage.refused("btc-eth") == 'btc-eth has no run yet; "clm run btc-eth" starts one'
    unknown = 'no TrainingSchedule and no ModelVersion is named "nope"; "clm list" names the'
    assert unknown in stage.refused("nope")
    stage.run(phase="Pending", reason="QuotaPending")
    assert stage.refused(RUN) == f"{RUN} has no pod yet (QuotaPending); -f waits"
    stage.pod("a", PULLING)
    said = "pod a has not started: ImagePullBackOff: no such image; -f waits for it"
    assert stage.refused(RUN) == said


@pytest.mark.parametrize("options", [[], ["-f"]], ids=["once", "followed"])
def test_a_node_that_went_took_the_log_along(stage: Stage, options: list[str]) -> None:
    stage.run(phase="Failed", stage="FAILED", reason="JobLost", message="its Job was deleted")
    stage.pod("a", ENDED, node="gone")
    stage.steps = [nothing] * 3
    said = stage.refused("btc-eth", *options)
    assert said.endswith("is gone with its log; the run failed: JobLost: its Job was deleted")


def test_lines_come_as_they_are_written_and_ctrl_c_ends_it_without_a_word(
    api: Namespace, node: LogNode
) -> None:
    stage = Stage(api, node)
    stage.run(phase="Running")
    stage.pod("a", RUNNING, written := ContainerLog([line("one")]))
    words = [sys.executable, "-m", "clm_cli", "logs", RUN, "-f", "-o", "json"]
    with subprocess.Popen(
        words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == f"{line('one')}\n"
            written.write(line("two"))
            assert process.stdout.readline() == f"{line('two')}\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        finally:
            process.kill()
        assert process.stderr.read() == f"the log of pod {stage.name('a')}\n"
