"""Logs of operator and trainer: one JSON object a line, or plain lines on a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

CONTEXT_FIELDS = ("schedule", "version", "run", "stage", "reason")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and the context fields that the record carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {k: getattr(record, k) for k in CONTEXT_FIELDS if hasattr(record, k)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class StepFormatter(logging.Formatter):
    """``stage      message`` on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line for a person."""
        text = f"{getattr(record, 'stage', record.levelname.lower()):<10} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(*, json_lines: bool, level: int = logging.INFO, stream: TextIO = sys.stderr) -> None:
    """Send all logs to ``stream`` in one format."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if json_lines else StepFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
