"""The checks before a commit are those of ``make lint``: the same commands, in the same order."""

import subprocess

import yaml

from tests.support.repository import ROOT

HOOKS = [
    hook
    for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repo["hooks"]
]


def recipe(target: str) -> list[str]:
    """Return the commands of a target of make, its prerequisites' left out."""
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return [line for line in told.stdout.splitlines() if "tools/setup/" not in line]


def test_what_runs_before_a_commit_is_what_make_lint_runs() -> None:
    assert [hook["entry"] for hook in HOOKS] == recipe("lint")


def test_each_hook_runs_as_it_stands_in_the_projects_environment() -> None:
    for hook in HOOKS:
        assert hook["language"] == "system"
        assert hook["always_run"]
        assert not hook["pass_filenames"], "make lint names what it checks, not what changed"
