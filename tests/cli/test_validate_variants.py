"""``clm validate`` lays each variant of a Simulation over its schedule."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from clm_api import API_VERSION
from tests.cli.app import app
from tests.support.schedules import schedule, schedule_spec

Raw = dict[str, Any]
GOOD = [{"name": "as-is"}, {"name": "lgbm", "patch": {"model": {
    "family": "lightgbm", "xgboost": None}}}]  # fmt: skip
BAD = [*GOOD, {"name": "wild", "patch": {"model": {"xgboost": {"rounds": 0}}}}]
FAULT = "  spec.variants[wild].patch.model.xgboost.rounds: is refused: input should be greater"


def simulation(**spec: Any) -> Raw:
    dates = {"from": "2024-01-01T00:00:00Z", "to": "2024-02-01T00:00:00Z"}
    return {
        "apiVersion": API_VERSION,
        "kind": "Simulation",
        "metadata": {"name": "choice"},
        "spec": dates | {"parallelism": 8} | spec,
    }


def validated(folder: Path, *files: list[Raw]) -> tuple[int, list[str]]:
    """Validate files with these documents; return the exit code and the lines."""
    paths = []
    for number, documents in enumerate(files):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_text(yaml.safe_dump_all(documents))
    result = CliRunner().invoke(app, ["validate", *map(str, paths)])
    return result.exit_code, result.stdout.splitlines()


BASE = schedule("btc-eth", "default")
NAMED = simulation(scheduleName="btc-eth", variants=BAD)


@pytest.mark.parametrize(
    "files",
    [[[simulation(schedule=schedule_spec(), variants=BAD)]], [[BASE, NAMED]], [[NAMED], [BASE]]],
    ids=["a schedule inline", "one of the same file", "one of another file"],
)
def test_a_bad_variant_is_named_with_its_field(files: list[list[Raw]], tmp_path: Path) -> None:
    code, lines = validated(tmp_path, *files)
    assert code == 64
    assert len([line for line in lines if line.startswith(FAULT)]) == 1
    assert sum(line.startswith("invalid") for line in lines) == 1


def test_good_variants_are_valid(tmp_path: Path) -> None:
    code, lines = validated(tmp_path, [simulation(schedule=schedule_spec(), variants=GOOD)])
    assert (code, len(lines)) == (0, 1)


def test_variants_of_a_schedule_that_is_not_there_are_said_to_be_unchecked(tmp_path: Path) -> None:
    code, lines = validated(tmp_path, [NAMED])
    assert code == 0
    unchecked = "spec.variants: not checked, these files hold no valid TrainingSchedule btc-eth"
    assert lines[1:] == [f"  warning: {unchecked}: name its file too"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"interval": None, "schedule": "61 * * * *"}, 'spec.schedule.schedule: "61 * * * *"'),
        ({"job": {"resources": {"limits": {"memory": "64Mi"}}}},
         "spec.schedule.job.resources.limits.memory: 64Mi is less than"),
    ],
    ids=["its cron line", "its memory"],
)  # fmt: skip
def test_a_schedule_inside_is_held_to_what_one_alone_is(
    changes: Raw, fault: str, tmp_path: Path
) -> None:
    code, lines = validated(tmp_path, [simulation(schedule=schedule_spec(**changes))])
    assert code == 64
    assert lines[1].startswith(f"  {fault}")


MANY = [{"name": f"v{number}"} for number in range(101)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"parallelism": 200, "variants": MANY}, "list should have at most 100 items"),
        ({"variants": [{"name": "a"}, {"name": "a"}]},
         "spec.variants: holds two variants named a"),
        ({"parallelism": 0}, "spec.parallelism: 0 is refused: input should be greater"),
        ({"variants": [{"name": "a", "patch": "0 0 * * *"}]}, "spec.variants[0].patch: "),
        ({"from": "2024-02-01T00:00:00Z"}, "spec: spec.from must be before spec.to"),
        ({"from": "1066-10-14T00:00:00Z"}, "spec: spec.from must not be before 1970"),
        ({"variants": [{"name": "a", "patch": {"interval": None}}]},
         "spec.variants[a].patch: set exactly one of spec.schedule and spec.interval"),
    ],
    ids=["101 variants", "a name twice", "no pod", "a patch that is a text",
         "an end before the beginning", "a time before exchanges", "a clock that is taken away"],
)  # fmt: skip
def test_bad_input_is_named_at_its_field(changes: Raw, fault: str, tmp_path: Path) -> None:
    code, lines = validated(tmp_path, [simulation(schedule=schedule_spec(), **changes)])
    assert code == 64
    assert fault.lower() in lines[1].lower()


def test_what_a_patch_takes_away_that_was_not_there_changes_nothing(tmp_path: Path) -> None:
    gone = {"schedule": None, "nothing": None}
    variants = [{"name": "a", "patch": gone}, {"name": "b", "patch": None}]
    code, lines = validated(tmp_path, [simulation(schedule=schedule_spec(), variants=variants)])
    assert (code, len(lines)) == (0, 1)
