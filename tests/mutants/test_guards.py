"""The table of guards fits the sources and the tests that it names."""

from pathlib import Path

import pytest
from tools.mutants.__main__ import verdict
from tools.mutants.edits import LostGuardError, removed, without
from tools.mutants.guards import GUARDS, Guard

from tests.support.repository import ROOT

HELD = Guard("held", "held.py", "if held:\n", "if True:\n", "test_held.py")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_where_its_row_says(guard: Guard) -> None:
    source = (ROOT / guard.path).read_text()
    changed = without(guard, source)
    assert changed != source
    compile(changed, guard.path, "exec")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_test_that_must_fail_is_there(guard: Guard) -> None:
    path, _, rest = guard.test.partition("::")
    assert f"def {rest.partition('[')[0]}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("source", ["", "if held:\nif held:\n"], ids=["gone", "twice"])
def test_a_guard_that_is_not_there_exactly_once_is_an_error(source: str) -> None:
    with pytest.raises(LostGuardError, match=r"held\.py: the text of the guard is there"):
        without(HELD, source)


def test_a_guard_is_back_after_its_block(tmp_path: Path) -> None:
    path = tmp_path / HELD.path
    path.write_text("if held:\n    pass\n")
    with removed(HELD, tmp_path):
        assert path.read_text() == "if True:\n    pass\n"
    assert path.read_text() == "if held:\n    pass\n"


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("def test_it():\n    assert not held.open(False)\n", "fails"),
        ("def test_it():\n    assert held.open(True)\n", "PASSES"),
        ("def test_it(:\n", "CAN'T RUN"),
    ],
    ids=["noticed", "not noticed", "a test that can't run notices nothing"],
)
def test_only_a_failure_is_a_failure(tmp_path: Path, test: str, said: str) -> None:
    source = "def open(held):\n    if held:\n        return True\n    return False\n"
    (tmp_path / HELD.path).write_text(source)
    (tmp_path / HELD.test).write_text(f"import held\n{test}")
    assert verdict(tmp_path, HELD).startswith(said)
