"""A checked copy: names, values and lengths are looked at where a status changes."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clm_api.base import StatusModel
from clm_api.conditions import Condition, condition
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, Phase, ShadowStatus
from clm_api.reasons import Reason
from clm_api.report import ManifestData
from clm_api.schedule_status import SkippedRange, TrainingScheduleStatus

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
STATUS = ModelVersionStatus(
    message="it waits",
    run_uri="s3://clm/run",
    conditions=[condition("Ready", holds=False, reason="Pending", message="", now=NOW)],
)
SHADOW = ShadowStatus(since=NOW)
SKIPPED = SkippedRange(from_=NOW, to=NOW, count=1, reason="MissedSlot")

KEPT = [
    ("a value of the field's type", STATUS, {"phase": Phase.RUNNING}, Phase.RUNNING),
    ("a word that names one", STATUS, {"phase": "Running"}, Phase.RUNNING),
    ("nothing, where nothing may be", STATUS, {"run_uri": None}, None),
    ("a reason as a plain word", STATUS, {"reason": Reason.REPLACED}, "Replaced"),
    ("words of just the length", STATUS, {"message": "x" * 4096}, "x" * 4096),
    ("words that are cut", STATUS, {"message": "x" * 5000}, "x" * 4096),
    ("a reason that is cut", STATUS, {"reason": "x" * 65}, "x" * 64),
    ("words of another field, cut to its own length", SHADOW, {"message": "x" * 5000}, "x" * 1024),
    ("words in a list, each of them cut", TrainingScheduleStatus(),
     {"schedule_notes": ["x" * 2000, "y"]}, ["x" * 1024, "y"]),
    ("a field that is called otherwise on the wire", SKIPPED, {"from_": LATER}, LATER),
]  # fmt: skip


@pytest.mark.parametrize(("model", "change", "expected"), [k[1:] for k in KEPT],
                         ids=[k[0] for k in KEPT])  # fmt: skip
def test_a_change_is_taken(model: StatusModel, change: dict[str, Any], expected: Any) -> None:
    (name,) = change
    found = getattr(model.having(**change), name)
    assert found == expected
    assert type(found) is type(expected)


REFUSED = [
    ("a name that is no field", STATUS, {"mesage": "x"}, "mesage"),
    ("a name as it is on the wire", STATUS, {"runUri": "s3://clm/run"}, "runUri"),
    ("a word for a number", STATUS, {"attempt": "many"}, "attempt"),
    ("a number below the least", STATUS, {"attempt": -1}, "attempt"),
    ("a number for words", STATUS, {"message": 5}, "message"),
    ("nothing, where something must be", STATUS, {"message": None}, "message"),
    ("a word that names no phase", STATUS, {"phase": "Sleeping"}, "phase"),
    ("something else in a list", STATUS, {"conditions": ["Ready"]}, "conditions.0"),
    ("more than a list may hold", TrainingScheduleStatus(), {"schedule_notes": ["x"] * 5},
     "schedule_notes"),
    ("an address that would be another one if it were cut", STATUS, {"run_uri": "x" * 1025},
     "run_uri"),
    ("a name that would be another one if it were cut", SHADOW, {"champion": "x" * 64},
     "champion"),
    ("a number that is none", SHADOW, {"sharpe": float("nan")}, "sharpe"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "change", "field"), [r[1:] for r in REFUSED],
                         ids=[r[0] for r in REFUSED])  # fmt: skip
def test_a_change_is_refused(model: StatusModel, change: dict[str, Any], field: str) -> None:
    before = model.model_dump()
    with pytest.raises(ValidationError) as caught:
        model.having(**change)
    (problem,) = caught.value.errors()
    assert ".".join(map(str, problem["loc"])) == field
    assert model.model_dump() == before


def test_the_copy_shares_what_is_not_named_and_leaves_the_original_alone() -> None:
    made = STATUS.having(stage=Stage.FAILED, message="it failed")
    assert (STATUS.stage, STATUS.message) == (Stage.TRAINING, "it waits")
    assert made.conditions is STATUS.conditions
    assert made == ModelVersionStatus.model_validate(
        STATUS.model_dump() | {"stage": "FAILED", "message": "it failed"}
    )
    assert STATUS.having() == STATUS
    assert STATUS.having() is not STATUS


def test_a_list_that_is_given_is_copied_and_what_is_in_it_is_not() -> None:
    given_: list[Condition] = list(STATUS.conditions)
    made = STATUS.having(conditions=given_)
    given_.clear()
    assert made.conditions[0] is STATUS.conditions[0]


@given(st.text(max_size=200).map(lambda text: text * 60))
def test_words_are_cut_at_their_end_and_nowhere_else(text: str) -> None:
    assert STATUS.having(message=text).message == text[:4096]
    assert SKIPPED.having(message=text, reason=text).reason == text[:64]


def test_longer_words_of_somebody_else_are_refused() -> None:
    note, data = "x" * 1025, {"from": NOW, "to": NOW, "bars": 1, "gaps": 0, "sha256": "0" * 64}
    ours = ManifestData.model_validate(data | {"notes": [note]})
    assert ours.notes == [note[:1024]]
    theirs = ours.model_dump_json(by_alias=True).replace(note[:1024], note)
    with pytest.raises(ValidationError, match=r"notes\.0"):
        ManifestData.model_validate_json(theirs)


def test_no_program_copies_a_model_unchecked() -> None:
    folders = [ROOT / name / "src" for name in ("crds", "operator", "trainer-image", "cli")]
    programs = [path for folder in folders for path in folder.rglob("*.py")]
    copying = {path.name for path in programs if ".model_copy(" in path.read_text()}
    assert copying == {"base.py"}, "use having"


@pytest.mark.slow
def test_mypy_checks_what_a_status_is_made_of_and_changed_to(
    tmp_path: Path,
) -> None:
    script = tmp_path / "changes.py"
    script.write_text(
        "from clm_api.model_version import ModelVersionStatus, Phase\n"
        "status = ModelVersionStatus()\n"
        "status.having(phase=Phase.RUNNING, message='it works').having(run_uri=None)\n"
        "status.having(mesage='it works')\n"
        "status.having(attempt='many')\n"
        "ModelVersionStatus(mesage='it works')\n"
        "ModelVersionStatus(attempt='many')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(script)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.split(": error: ")[0].rpartition(":")[2] for line in errors] == list("4567"), (
        errors
    )
    for name, value in (errors[:2], errors[2:]):
        assert 'Unexpected keyword argument "mesage"' in name
        assert 'expected "int"' in value
