"""The trainer's lines of JSON as a person reads them."""

import json
from datetime import datetime

from rich.text import Text

_COLOURS = {"warning": "yellow", "error": "red", "critical": "bold red"}


def readable(line: str) -> Text:
    """Return time in the reader's zone, level, stage and message; other lines as they are."""
    try:
        said = json.loads(line)
        time = datetime.fromisoformat(said["time"]).astimezone()
        level, message = str(said["level"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        return Text(line)
    text = Text.assemble(
        (f"{time:%Y-%m-%d %H:%M:%S}", "dim"),
        "  ",
        (f"{level:<7}", _COLOURS.get(level, "")),
        f"  {said.get('stage', ''):<8}  ",
    )
    text.append(f"{reason}: {message}" if (reason := said.get("reason")) else message)
    if exception := said.get("exception"):
        text.append(f"\n{exception}")
    return text
