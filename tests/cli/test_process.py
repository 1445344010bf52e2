import subprocess
import sys
from pathlib import Path

import pytest

from clm_cli.__main__ import app
from tests.cli.objects import ROOT


def clm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "clm_cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_validating_needs_neither_cluster_nor_trainer() -> None:
    code = (
        "import sys; from clm_cli.__main__ import app\n"
        "app(['validate', '-f', sys.argv[1]], standalone_mode=False)\n"
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


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["data", "import", "--help"]])
def test_help_is_printed(arguments: list[str]) -> None:
    done = clm(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout
