"""The demo's start, by the machine's own Python: says what it will do, checks, installs CLM.

Nothing but the standard library is there yet.
"""

import os
import subprocess
import sys

from local_cluster.alive import watched
from tools.demo import settings
from tools.demo.needs import needs, spoken, too_full


def main() -> None:
    """Say what will be installed, refuse where it can't work, and go on in CLM's environment."""
    provider, problems = ("", []) if settings.DEMO_CONTEXT is not None else _machine()
    found = needs(provider)
    print("\n".join(spoken(found)), flush=True)
    if problems := [*problems, *too_full(found)]:
        lines = "\n".join(f"  - {one}" for one in problems)
        sys.exit(f"\ndemo: it can't work here yet:\n{lines}\nThen: make demo")
    print(flush=True)
    _install()
    os.chdir(settings.REPOSITORY)
    os.execv(settings.PYTHON, [str(settings.PYTHON), "-m", "tools.demo"])


def _machine() -> tuple[str, list[str]]:
    """Return which cluster this machine gets, and what is wrong with the machine."""
    provider = _cluster("provider").stdout.strip()
    return provider, _cluster("check").stdout.splitlines()


def _cluster(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(settings.CLUSTER), *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=False)


def _install() -> None:
    fresh = not settings.PYTHON.exists()
    if fresh:
        print("install CLM's Python packages", flush=True)
    done = watched([settings.REPOSITORY / "tools" / "setup" / "setup.sh", "demo"])
    if done.code:
        sys.exit(f"demo: {done.words}")
    if fresh:
        print(f"  done in {done.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
