"""The digest of the feature code: the same for the same code, whatever the line endings."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from clm_trainer.features import code_hash, table


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for source in Path(str(files("clm_trainer.features"))).glob("*.py"):
        shutil.copy(source, tmp_path)
    monkeypatch.setattr(table, "files", lambda _: tmp_path)
    return tmp_path


def test_a_copy_has_the_same_digest(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = code_hash()
    monkeypatch.undo()
    assert ours == code_hash()
    assert len(ours) == 64
    assert (copy / "windows.py").exists()


def test_line_endings_dont_matter(copy: Path) -> None:
    before = code_hash()
    for source in copy.glob("*.py"):
        source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert code_hash() == before


@pytest.mark.parametrize("name", ["__init__.py", "kernels.py", "standard.py", "table.py"])
def test_every_file_of_the_package_counts(copy: Path, name: str) -> None:
    before = code_hash()
    (copy / name).write_text((copy / name).read_text("utf-8") + "X = 1\n", "utf-8")
    assert code_hash() != before


def test_compiled_files_dont_count(copy: Path) -> None:
    before = code_hash()
    (copy / "table.cpython-312.pyc").write_bytes(b"x")
    assert code_hash() == before
