"""The cluster tool's own decisions: names, digests, whose processes may be ended, kind."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local_cluster import binaries, host, images, paths
from local_cluster.processes import Processes, start_time
from tests.support.repository import ROOT

TOOL = ROOT / "tools" / "cluster" / "cluster"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("trainer:dev", "docker.io/library/trainer:dev"),
        ("clm/trainer:dev", "docker.io/clm/trainer:dev"),
        ("localhost/minio:dev", "localhost/minio:dev"),
        ("registry.example.com/a/b:1", "registry.example.com/a/b:1"),
        ("registry:5000/a:1", "registry:5000/a:1"),
    ],
    ids=str,
)
def test_an_image_gets_the_name_that_the_kubelet_looks_up(name: str, full: str) -> None:
    assert images.qualified(name) == full


def test_a_binary_is_built_anew_when_its_pins_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(paths, "HERE", tmp_path)
    module = binaries.Module("x", ".", {"x": "x"})
    before = module.programs[0].digest
    assert module.programs[0].digest == before
    (tmp_path / "go.sum").write_text("other")
    assert module.programs[0].digest != before


def test_only_what_a_change_concerns_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    for name in ("go.mod", "go.sum", "own/main.go"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(paths, "HERE", tmp_path)

    version = "-X version.told=v1.35.4"

    def digests() -> dict[str, str]:
        stamped = binaries.Module("k", ".", {"kubelet": "k8s.io/kubelet"}, stamp=version)
        plain = binaries.Module("p", ".", {"minio": "m", "own": "./own"})
        return {one.name: one.digest for one in (*stamped.programs, *plain.programs)}

    before = digests()
    assert len(set(before.values())) == 3
    (tmp_path / "own" / "main.go").write_text("other")
    assert [name for name, digest in digests().items() if digest != before[name]] == ["own"]
    before = digests()
    version = "-X version.told=v1.99.0"
    assert [name for name, digest in digests().items() if digest != before[name]] == ["kubelet"]


def test_a_single_program_of_a_module_can_be_wanted() -> None:
    assert [one.name for one in binaries.wanted(("kubectl", "etcd"))] == ["kubectl", "etcd"]
    assert len(binaries.wanted(("kubernetes",))) == 7


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(SystemExit, match="no module nonsense; there are kubernetes"):
        binaries.modules(("nonsense",))


def test_only_a_process_of_the_recorded_start_is_ended(tmp_path: Path) -> None:
    processes = Processes(tmp_path, tmp_path, tmp_path)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = {"pid": stranger.pid, "start": "1"}
        (tmp_path / "etcd.json").write_text(json.dumps(record))
        assert processes.pid("etcd") is None
        processes.stop("etcd")
        assert stranger.poll() is None
        assert start_time(stranger.pid) is not None
    finally:
        stranger.kill()
        stranger.wait()
    assert not (tmp_path / "etcd.json").exists()


def test_a_component_is_started_once_and_ended_for_good(tmp_path: Path) -> None:
    processes = Processes(tmp_path, tmp_path, tmp_path)
    processes.start("sleeper", ["sleep", "60"])
    first = processes.pid("sleeper")
    processes.start("sleeper", ["sleep", "60"])
    assert processes.pid("sleeper") == first
    processes.stop("sleeper")
    assert processes.pid("sleeper") is None


def test_a_component_that_ends_early_is_shown_with_its_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path, tmp_path, tmp_path)
    processes.start("broken", ["sh", "-c", "echo no such flag; exit 1"])
    with pytest.raises(SystemExit, match="no such flag"):
        processes.wait("broken", lambda: False, seconds=5)
    processes.stop("broken")


def _recorder(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CLUSTER_DIR": str(folder / "state"),
        "CLUSTER_PROVIDER": "",
    }
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from local_cluster import binaries;"
        "binaries.build = lambda names: None; binaries.folders = list;"
        "from local_cluster.__main__ import main; main(sys.argv[2:])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(TOOL.parent), *arguments],
        env=env, text=True, capture_output=True, check=False,
    )  # fmt: skip


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """Recording stand-ins for docker and kind, as far as the call."""
    _recorder(tmp_path, "docker", "exit 0")
    _recorder(tmp_path, "kind", '[ "$2" = kubeconfig ] && echo "apiVersion: v1"; exit 0')
    return tmp_path


def _calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_kind_is_chosen_where_a_docker_engine_answers(docker: Path) -> None:
    assert _tool(docker, "provider").stdout == "kind\n"
    _recorder(docker, "docker", "exit 1")
    assert _tool(docker, "provider").stdout == "local\n"


def test_kind_gets_the_pinned_configuration_and_loads_what_docker_built(docker: Path) -> None:
    assert _tool(docker, "up").returncode == 0
    built = _tool(docker, "image", "clm-operator:dev", ".", "--file", "Dockerfile.operator")
    assert built.returncode == 0, built.stderr
    assert _tool(docker, "down").returncode == 0
    config = TOOL.parent / "config" / "kind.yaml"
    assert [c for c in _calls(docker) if c != "docker info"] == [
        "kind get clusters",
        f"kind create cluster --name clm --config {config} --wait 120s",
        "kind get kubeconfig --name clm",
        "docker build --tag clm-operator:dev --file Dockerfile.operator .",
        "kind load docker-image clm-operator:dev --name clm",
        "kind delete cluster --name clm",
    ]


def test_on_kind_kueue_is_its_own_release(docker: Path) -> None:
    told = _tool(docker, "kueue")
    assert told.returncode == 1
    assert f"/{binaries.KUEUE_VERSION}/manifests.yaml" in told.stderr


def test_kueue_wants_a_cluster_that_runs(docker: Path) -> None:
    _recorder(docker, "docker", "exit 1")
    assert "run `cluster up` first" in _tool(docker, "kueue").stderr


@pytest.mark.slow
def test_the_pinned_kind_builds_and_reads_the_configuration_up_to_docker(tmp_path: Path) -> None:
    binaries.build(("kind",))
    _recorder(tmp_path, "docker", 'echo "no engine here" >&2; exit 1')
    kind = binaries.program("kind")
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    config = TOOL.parent / "config" / "kind.yaml"

    def create(path: Path) -> str:
        done = subprocess.run(
            [str(kind), "create", "cluster", "--name", "clm", "--config", str(path)],
            env=env | {"KIND_EXPERIMENTAL_PROVIDER": "docker"}, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        return done.stderr

    said = create(config)
    assert "unable to decode config" not in said
    assert "no engine here" in said or "docker" in said
    version = subprocess.run([str(kind), "version"], text=True, capture_output=True, check=True)
    assert "0.33.0" in version.stdout


def test_missing_packages_are_named_where_they_cannot_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "missing", lambda: ["buildah", "runc"])
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"install buildah, runc"):
        host.install()
