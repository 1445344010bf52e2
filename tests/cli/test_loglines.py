"""A line of a log as a person reads it."""

import logging
import time
from collections.abc import Iterator

import pytest

from clm_api.logs import JsonFormatter
from clm_cli.loglines import readable

NOON = 1764676800.0


@pytest.fixture(autouse=True)
def _in_kolkata() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


def written(message: str, level: int = logging.INFO, **fields: str) -> str:
    """Write a line as the trainer does."""
    record = logging.LogRecord("clm_trainer", level, __file__, 1, message, None, None)
    record.created = NOON
    vars(record).update(fields)
    return JsonFormatter().format(record)


def test_a_step_is_time_level_stage_and_message() -> None:
    line = written("xgboost fold 2/3  rows 31200", stage="train", version="btc-1")
    shown = "2025-12-02 17:30:00  info     train     xgboost fold 2/3  rows 31200"
    assert readable(line).plain == shown


def test_an_error_has_its_reason_and_its_colour() -> None:
    text = readable(written("a hole of [24] bars", logging.ERROR, reason="DataGap"))
    assert text.plain == "2025-12-02 17:30:00  error              DataGap: a hole of [24] bars"
    assert [span.style for span in text.spans] == ["dim", "red"]


def test_a_traceback_follows_its_line() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "no reason", None, None)
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    first, second, *_, last = readable(JsonFormatter().format(record)).plain.splitlines()
    assert first.endswith("no reason")
    assert second == "Traceback (most recent call last):"
    assert last == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    "line",
    [
        "Killed", "", "[1]", '{"message": "no time"}', "17", "null",
        '{"time": "today", "level": "info", "message": "m"}',
        '{"time": 12, "level": "info", "message": "m"}',
    ],
)  # fmt: skip
def test_what_the_trainer_did_not_write_stays_as_it_is(line: str) -> None:
    assert readable(line).plain == line
