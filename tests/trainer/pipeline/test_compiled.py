"""What an image's build compiles, pods need not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clm_trainer import compiled
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import Pod


def code_in(folder: Path) -> set[str]:
    """Return the functions of which a folder holds compiled code, with their signatures."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.nbc")}


@pytest.mark.slow
def test_a_run_compiles_nothing_that_the_build_has_compiled(store: Storage, tmp_path: Path) -> None:
    brought, used = tmp_path / "image", tmp_path / "pod"
    subprocess.run(
        [sys.executable, "-m", "clm_trainer.warm_up"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(brought)}, check=True, timeout=180,
    )  # fmt: skip
    assert code_in(brought)
    brought.chmod(0o555)
    variables = {compiled.BROUGHT: str(brought), "NUMBA_CACHE_DIR": str(used)}
    code, lines = Pod(store.url, tmp_path, extra=variables).run()
    assert code == 0, lines
    assert code_in(used) == code_in(brought)


def test_what_a_pod_has_compiled_itself_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought, used = tmp_path / "image", tmp_path / "pod"
    for folder, content in ((brought, "image"), (used, "pod")):
        folder.mkdir()
        (folder / "code").write_text(content)
    monkeypatch.setenv(compiled.BROUGHT, str(brought))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(used))
    compiled.lay_out()
    assert (used / "code").read_text() == "pod"


def test_an_image_without_compiled_code_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(compiled.BROUGHT, str(tmp_path / "none"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "pod"))
    compiled.lay_out()
    assert "was not copied" in caplog.text
