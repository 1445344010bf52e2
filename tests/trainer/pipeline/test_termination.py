from pathlib import Path

import pytest

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import TerminationMessage
from clm_trainer.termination import MAX_BYTES, termination_line, write_last_words


def test_the_line_says_code_reason_and_message() -> None:
    line = termination_line(ClmError(Reason.DATA_GAP, "a hole"))
    assert TerminationMessage.model_validate_json(line) == TerminationMessage(
        code=65, reason="DataGap", message="a hole"
    )


@pytest.mark.parametrize("text", ["x" * 100_000, "≥" * 100_000, '"\n\x00' * 50_000], ids=len)
def test_a_long_message_is_cut_to_2_kb_and_stays_json(text: str) -> None:
    line = termination_line(ClmError(Reason.TRAINING_FAILED, text))
    assert len(line.encode()) <= MAX_BYTES
    assert "\n" not in line
    message = TerminationMessage.model_validate_json(line).message
    assert message.endswith(" …")
    assert text.startswith(message.removesuffix(" …"))
    assert len(message) > 200


def test_a_named_file_gets_the_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    monkeypatch.setenv(environment.TERMINATION_LOG, str(path))
    write_last_words(ClmError(Reason.INTERRUPTED, "stopped"))
    assert '"code":75' in path.read_text()
