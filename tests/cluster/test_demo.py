"""What ``make demo`` says before it starts, when it can't, and how a shell reaches it."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import tools.demo  # noqa: F401 - makes the cluster tool importable, as the demo does
from tools.demo import access, needs, settings
from tools.demo.shell import Pulse

from local_cluster import binaries
from tests.support.repository import ROOT

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's


def begin(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Start the demo on a machine that has only the programs of a folder, and no cache."""
    env = {
        "PATH": str(folder / "bin"), "HOME": str(folder), "CLM_CACHE": str(folder / "cache"),
        "CLUSTER_PROVIDER": "local", "CLUSTER_DIR": str(folder / "state"),
    }  # fmt: skip
    command = [sys.executable, "-m", "tools.demo.begin"]
    return subprocess.run(
        command, env=env, cwd=ROOT, text=True, capture_output=True, check=False, timeout=60
    )


def test_a_machine_without_go_is_told_what_it_lacks_before_anything_is_installed(
    tmp_path: Path,
) -> None:
    done = begin(tmp_path)
    assert done.returncode == 1
    assert "Go programs: kube-apiserver, " in done.stdout
    assert "in all, with the training" in done.stdout
    assert "GB" in done.stdout
    assert "min" in done.stdout
    assert "  - Go is missing: install Go 1.26 or later" in done.stderr
    assert "Then: make demo" in done.stderr
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "state").exists()


def test_a_go_that_is_too_old_and_may_fetch_no_other_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    old = tmp_path / "bin" / "go"
    old.write_text("#!/bin/sh\nprintf 'go1.25.3\\nlocal\\n'\n")
    old.chmod(0o755)
    done = begin(tmp_path)
    assert "  - go1.25.3 is too old: install Go 1.26 or later" in done.stderr


def test_a_disk_without_room_is_named_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10, 10, int(8.2e9)))
    wanted = [
        needs.Need("programs", 1, 2.0, tmp_path / "not" / "there"),
        needs.Need("images", 1, 4.0, tmp_path),
    ]
    (said,) = needs.too_full(wanted)
    assert "has 8.2 GB free, and 6.0 GB go there" in said
    assert "CLM_CACHE" in said
    assert needs.too_full(wanted[:1]) == []


def test_the_plan_names_time_disk_and_place_of_each_and_the_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "TRAIN_MINUTES", 1.0)
    lines = needs.spoken([needs.Need("a", 1, 0.5, Path("/x")), needs.Need("b", 3, 2, Path("/y"))])
    assert lines[1:3] == ["     1 min   0.5 GB  a  →  /x", "     3 min   2.0 GB  b  →  /y"]
    assert lines[3].startswith("     5 min   2.5 GB  in all")
    assert needs.spoken([]) == ["Everything that the demo needs is there."]


def test_every_program_of_the_demo_has_a_time() -> None:
    for provider in (binaries.DEFAULT, binaries.KIND):
        assert {one.name for one in binaries.wanted(provider)} <= needs.MINUTES.keys()


def test_what_is_to_be_evaluated_selects_cluster_programs_and_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder with 'quotes' and $signs"
    (folder / "bin").mkdir(parents=True)
    (folder / "kubeconfig").touch()
    (folder / "bin" / "clm").write_text("#!/bin/sh\necho it runs\n")
    (folder / "bin" / "clm").chmod(0o755)
    monkeypatch.setattr(settings, "KUBECONFIG", folder / "kubeconfig")
    monkeypatch.setattr(settings, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(access, "endpoint", lambda: "http://10.244.0.1:30900")
    script = "\n".join([*access.lines(), "clm", 'echo "$KUBECONFIG $AWS_ENDPOINT_URL"'])
    said = subprocess.run(
        ["bash", "-c", script], env={"PATH": os.environ["PATH"]}, text=True,
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert said == f"it runs\n{folder / 'kubeconfig'} http://10.244.0.1:30900\n"


def test_the_printed_dashboard_command_works_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "a folder with 'quotes' and $signs"
    (root / "tools" / "demo").mkdir(parents=True)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / "kubeconfig").touch()
    (root / ".venv" / "bin" / "clm").symlink_to(ROOT / ".venv" / "bin" / "clm")
    monkeypatch.setattr(settings, "REPOSITORY", root)
    monkeypatch.setattr(settings, "KUBECONFIG", root / "kubeconfig")
    monkeypatch.setattr(settings, "PYTHON", root / ".venv" / "bin" / "python")
    monkeypatch.setattr(access, "endpoint", lambda: "http://127.0.0.1:1")
    env = root / "tools" / "demo" / "env"
    env.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(access.lines()) + "\nEND\n")
    env.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", access.dashboard()], env={"PATH": os.environ["PATH"]}, text=True,
        capture_output=True, check=False, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert "kubeconfig" in done.stderr  # clm itself runs, and finds that this one is empty
    assert "no such option" not in done.stderr.lower()


def test_the_demo_installs_what_its_dashboard_needs() -> None:
    script = (ROOT / "tools" / "setup" / "setup.sh").read_text()
    (packages,) = (line for line in script.splitlines() if line.strip().startswith("demo) "))
    assert "--package clm-cli" in packages
    assert "--extra dashboard" in packages


def test_before_the_demo_there_is_nothing_to_select(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "KUBECONFIG", tmp_path / "none")
    with pytest.raises(SystemExit, match="there is no demo yet: make demo"):
        access.lines()


def test_a_run_that_stands_still_is_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    quick, slow = Pulse(0.0), Pulse(60.0)
    for pulse in (quick, slow):
        for line in ("Pending", "Pending", "Running"):
            pulse.tell("btc", line)
    said = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert said == ["Pending", "Pending", "Running", "Pending", "Running"]
