import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from clm_cli.__main__ import COMMANDS
from tests.cli.app import app
from tests.cli.objects import ROOT


def clm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "clm_cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_validating_needs_neither_cluster_nor_trainer() -> None:
    code = (
        "import sys; from clm_cli.__main__ import command_line\n"
        "command_line(['validate'])(['validate', sys.argv[1]], standalone_mode=False)\n"
        "loaded = {'kubernetes', 'numpy', 'clm_trainer', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    example = str(ROOT / "examples" / "xgboost.yaml")
    subprocess.run([sys.executable, "-c", code, example], check=True, timeout=60)


def test_an_error_is_one_line_and_its_exit_code(tmp_path: Path) -> None:
    done = clm("validate", "-f", str(tmp_path / "nowhere.yaml"))
    assert done.returncode == 64
    assert "No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_command_names_its_plain_kubectl_equivalent() -> None:
    for group in (app, *(g.typer_instance for g in app.registered_groups if g.typer_instance)):
        for command in group.registered_commands:
            assert command.callback is not None
            assert "Plain kubectl: " in (command.callback.__doc__ or ""), command.callback


def cpu_seconds(*arguments: str) -> float:
    """Return the least of three runs: what else the machine does can only add."""
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        clm(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


QUICK = [
    [], ["status"], ["status", "x"], ["list"], ["logs", "x"], ["promote", "x", "--reason", "y"],
    ["rollback", "x", "--reason", "y"], ["halt", "x", "--reason", "y"], ["history", "x"],
    ["diff", "x", "y"], ["report", "x"], ["suspend", "x"], ["run", "x"],
    ["validate", str(ROOT / "examples" / "xgboost.yaml")],
]  # fmt: skip


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
@pytest.mark.usefixtures("api")
def test_a_command_begins_at_once(arguments: list[str]) -> None:
    """It takes 0.5 to 0.6 s of one core; before only what is called was imported, 1.5 s."""
    assert cpu_seconds(*arguments) < 1.0


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_begins_at_once(name: str) -> None:
    assert cpu_seconds(name, "-h") < 1.0


def test_the_version_is_told() -> None:
    assert clm("--version").stdout == f"clm {metadata.version('clm-cli')}\n"


@pytest.mark.parametrize(
    "arguments",
    [["-h"], ["data", "ls", "-h"], ["--help"], ["run", "--help"], ["data", "import", "--help"]],
)
def test_help_is_printed(arguments: list[str]) -> None:
    done = clm(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout
