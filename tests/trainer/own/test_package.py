"""A package's code is known by the digest of its files, however it is installed."""

import shutil
from collections.abc import Callable
from importlib import metadata
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pytest

from clm_api.errors import ClmError
from clm_api.report import PackageData
from clm_trainer.own.door import entries
from clm_trainer.own.package import identity, packages_of, require_same
from clm_trainer.simulation.fingerprint import Fingerprint
from tests.support.own_packages import lay, on_the_path, write
from tests.trainer.families.runs import run_spec

ENTRY = "[clm.features]\nquantdesk.momentum = quantdesk.sets:OFFER\n"
FILES = {
    "quantdesk/__init__.py": "",
    "quantdesk/sets.py": "import beside\nfrom quantdesk import inner\nOFFER = 1\n",
    "quantdesk/inner.py": "X = 1\n",
    "quantdesk/weights.json": "[1, 2]\n",
    "beside.py": "Y = 1\n",
}


def known(site: Path) -> PackageData:
    with on_the_path(site):
        return identity(metadata.distribution("quantdesk"))


def offered() -> set[str]:
    return {entry.name for entry in entries("clm.features") if entry.name.startswith("quantdesk")}


def test_packages_that_come_and_go_while_a_process_lives_are_noticed(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    lay(first, FILES, ENTRY)
    assert offered() == set()
    with on_the_path(first):
        assert offered() == {"quantdesk.momentum"}
        lay(first, {}, ENTRY.replace("momentum", "trend"), name="another")
        assert offered() == {"quantdesk.momentum", "quantdesk.trend"}, "the same path as before"
        lay(second, {}, ENTRY.replace("momentum", "carry"), name="third")
        with on_the_path(second):
            assert offered() == {"quantdesk.momentum", "quantdesk.trend", "quantdesk.carry"}
        shutil.rmtree(first / "another-1.0.dist-info")
        assert offered() == {"quantdesk.momentum"}
    assert offered() == set()


def test_packages_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    packages_of(run_spec())

    def again(**_: str) -> metadata.EntryPoints:
        raise AssertionError("the packages are looked through again")

    monkeypatch.setattr(metadata, "entry_points", again)
    assert packages_of(run_spec()) == {}


class Change(NamedTuple):
    name: str
    make: Callable[[Path], object]
    matters: bool


CHANGES = [
    Change("the module of the entry point", lambda s: write(s, {"quantdesk/sets.py": "O=2"}), True),
    Change("a module that it imports", lambda s: write(s, {"quantdesk/inner.py": "X=2"}), True),
    Change("a file of data", lambda s: write(s, {"quantdesk/weights.json": "[]"}), True),
    Change("a module beside it", lambda s: write(s, {"beside.py": "Y=2"}), True),
    Change("a file that is gone", lambda s: (s / "quantdesk/inner.py").unlink(), True),
    Change("compiled files", lambda s: write(s, {"quantdesk/__pycache__/a.pyc": "x"}), False),
    Change("ends of lines", lambda s: (s / "beside.py").write_bytes(b"Y = 1\r\n"), False),
]


@pytest.mark.parametrize("record", [True, False], ids=["listed", "not listed"])
@pytest.mark.parametrize("change", CHANGES, ids=attrgetter("name"))
def test_any_file_of_the_package_matters(change: Change, tmp_path: Path, *, record: bool) -> None:
    lay(tmp_path, FILES, ENTRY, record=record)
    before = known(tmp_path)
    change.make(tmp_path)
    assert (known(tmp_path) != before) is change.matters


def test_an_editable_installation_has_the_same_digest(tmp_path: Path) -> None:
    site, source, editable = tmp_path / "site", tmp_path / "source", tmp_path / "editable"
    lay(site, FILES, ENTRY, record=True)
    write(source, FILES | {"README.md": "of the project", "tests/test_it.py": "import quantdesk"})
    lay(editable, {"quantdesk.pth": str(source)}, ENTRY, record=True)
    with on_the_path(source, editable):
        assert identity(metadata.distribution("quantdesk")) == known(site)


def test_what_lies_beside_it_and_is_another_distributions_does_not_matter(tmp_path: Path) -> None:
    lay(tmp_path, FILES, ENTRY)
    alone = known(tmp_path)
    lay(tmp_path, {"other.py": "Z = 1\n"}, "", name="other", record=True)
    assert known(tmp_path) == alone


def test_a_run_names_its_own_packages_and_not_clms(tmp_path: Path) -> None:
    lay(tmp_path, FILES, ENTRY, version="2.1")
    own = run_spec(model={"features": {"set": "quantdesk.momentum"}})
    with on_the_path(tmp_path):
        found = packages_of(own)
        assert list(found) == ["quantdesk"]
        assert found["quantdesk"].version == "2.1"
        assert packages_of(run_spec()) == {}


def test_another_version_is_refused_and_so_is_none(tmp_path: Path) -> None:
    lay(tmp_path, FILES, ENTRY)
    made_of = {"quantdesk": known(tmp_path)}
    with on_the_path(tmp_path):
        require_same(made_of, "s3://b/manifest.json", "mine:1")
        write(tmp_path, {"quantdesk/inner.py": "X = 2\n"})
        with pytest.raises(ClmError, match="made by other code of quantdesk") as caught:
            require_same(made_of, "s3://b/manifest.json", "mine:1")
        assert caught.value.reason == "ArtifactCorrupt"
    with pytest.raises(ClmError, match=r"quantdesk 1.0, which is not installed here.*mine:1") as no:
        require_same(made_of, "s3://b/manifest.json", "mine:1")
    assert no.value.reason == "SpecInvalid"


def test_a_simulation_of_other_own_code_begins_anew(tmp_path: Path) -> None:
    own = run_spec(model={"features": {"set": "quantdesk.momentum"}})
    lay(tmp_path, FILES, ENTRY)
    with on_the_path(tmp_path):
        before = Fingerprint.of(own, "bars")
        assert Fingerprint.of(own, "bars") == before
        write(tmp_path, {"quantdesk/inner.py": "X = 2\n"})
        assert Fingerprint.of(own, "bars").differing(before) == ["code"]
