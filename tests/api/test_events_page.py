"""docs/events.md has every type of event, as its model describes it."""

import re

from clm_api.events import EVENTS, EventData, type_of
from tests.support.repository import ROOT


def _row(data: type[EventData]) -> tuple[str, str, str]:
    said = (data.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    names = [field.alias or name for name, field in data.model_fields.items()]
    own = [f"`{name}`" for name in names if name not in EventData.model_fields]
    return f"`{type_of(data.event)}`", said[0].lower() + said[1:], ", ".join(own) or "–"


def test_the_page_lists_every_type_with_its_fields() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| (`dev\.clm\..*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert rows == [_row(data) for data in EVENTS]
