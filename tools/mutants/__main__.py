"""``python -m tools.mutants``: exit 1 if a guard can go and its test still passes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.mutants.edits import LostGuardError, copied, removed, without
from tools.mutants.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("crds/src", "operator/src", "trainer-image/src", "cli/src")
_PASSED, _FAILED = 0, 1
"""Exit codes of pytest; all others say that the test itself could not run."""


def tested(folder: Path, *tests: str) -> tuple[int, str]:
    """Run tests of a copy; return pytest's exit code and its output."""
    sources = os.pathsep.join(str(folder / source) for source in _SOURCES)
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder, env=os.environ | {"PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.returncode, found.stdout + found.stderr


def verdict(folder: Path, guard: Guard) -> str:
    """What becomes of a guard's test without the guard: ``fails`` is right."""
    with removed(guard, folder):
        code, output = tested(folder, guard.test)
    if code == _FAILED:
        return "fails"
    return "PASSES" if code == _PASSED else f"CAN'T RUN (pytest's exit code {code})\n{output}"


def main() -> int:
    """Show that the tests pass with all guards, and that each fails without its own."""
    with tempfile.TemporaryDirectory(prefix="clm-mutants-") as name:
        folder = Path(name)
        copied(ROOT, folder)
        for guard in GUARDS:
            without(guard, (folder / guard.path).read_text())
        code, output = tested(folder, *dict.fromkeys(guard.test for guard in GUARDS))
        if code != _PASSED:
            print(f"the tests do not pass with all guards in place\n{output}")
            return 1
        found = {guard: verdict(folder, guard) for guard in GUARDS}
    print("| without this guard | this test | |\n|---|---|---|")
    for guard, text in found.items():
        print(f"| {guard.name} | `{guard.test}` | {text} |")
    return 0 if set(found.values()) == {"fails"} else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LostGuardError as error:
        sys.exit(str(error))
