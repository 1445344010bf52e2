"""Panels in Grafana's own words (schema version 39), and where each stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]
Queries = Sequence[tuple[str, str]]
"""Expressions with the legends of their series."""
SOURCE: Raw = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _STAT_HEIGHT, _HEIGHT = 24, 4, 8


@dataclass(frozen=True)
class Panel:
    """A panel before it has its place.

    Parameters
    ----------
    width, height
        In units of Grafana's grid, which is 24 wide.
    """

    kind: str
    title: str
    text: str
    width: int
    height: int
    targets: list[Raw]
    defaults: Raw
    options: Raw
    overrides: list[Raw] = field(default_factory=list)
    transformations: list[Raw] = field(default_factory=list)

    def placed(self, number: int, x: int, y: int) -> Raw:
        """Return it as Grafana reads it."""
        return {
            "id": number, "type": self.kind, "title": self.title, "description": self.text,
            "datasource": SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": self.targets,
            "fieldConfig": {"defaults": self.defaults, "overrides": self.overrides},
            "options": self.options,
            "transformations": self.transformations,
        }  # fmt: skip


def laid_out(rows: Sequence[tuple[str, Sequence[Panel]]]) -> list[Raw]:
    """Return titles and panels with their places, from left to right and from top to bottom."""
    made, x, y, tallest = list[Raw](), 0, 0, 0
    for title, panels in rows:
        y += tallest
        grid = {"h": 1, "w": _WIDTH, "x": 0, "y": y}
        head = {"id": len(made) + 1, "type": "row", "title": title, "gridPos": grid}
        made.append(head | {"collapsed": False, "panels": []})
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel.placed(len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
    return made


def stat(title: str, text: str, query: str, bad: tuple[str, float] | None = None) -> Panel:
    """One number.

    Parameters
    ----------
    bad
        A colour, and from which value on the number has it.
    """
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value" if bad else "none", "graphMode": "none", "justifyMode": "auto",
        "orientation": "auto", "textMode": "auto", "wideLayout": True, "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }  # fmt: skip
    defaults = {"unit": "none", "decimals": 0, "thresholds": _steps(*([bad] if bad else []))}
    targets = _targets([(query, "")], instant=True)
    return Panel("stat", title, text, 4, _STAT_HEIGHT, targets, defaults, options)


def lines(
    title: str, text: str, queries: Queries, unit: str = "none", limit: float | None = None
) -> Panel:
    """Values over time.

    Parameters
    ----------
    limit
        A line in red.
    """
    custom = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto",
        "thresholdsStyle": {"mode": "off" if limit is None else "line"},
    }  # fmt: skip
    steps = _steps() if limit is None else _steps(("red", limit))
    return _series(title, text, queries, {"unit": unit, "custom": custom, "thresholds": steps})


def bars(title: str, text: str, queries: Queries) -> Panel:
    """How often something happened, on one another."""
    custom = {
        "drawStyle": "bars", "lineWidth": 1, "fillOpacity": 60, "showPoints": "never",
        "stacking": {"mode": "normal", "group": "A"},
    }  # fmt: skip
    return _series(title, text, queries, {"unit": "none", "min": 0, "custom": custom})


def timeline(title: str, text: str, queries: Queries, words: tuple[str, str]) -> Panel:
    """When something held, in red.

    Parameters
    ----------
    words
        For 0 and for 1.
    """
    defaults = {
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "mappings": [_mapping(words)],
        "thresholds": _steps(("red", 1)),
    }
    options = {
        "alignValue": "center", "mergeValues": True, "rowHeight": 0.8, "showValue": "never",
        "legend": _legend(), "tooltip": {"mode": "single", "sort": "none"},
    }  # fmt: skip
    targets = _targets(queries)
    return Panel("state-timeline", title, text, 8, _HEIGHT, targets, defaults, options)


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, what is asked, and its unit.

    Parameters
    ----------
    words
        For 0 and for 1.
    """

    heading: str
    query: str
    unit: str = "none"
    words: tuple[str, str] | None = None

    @property
    def override(self) -> Raw:
        """How its cells are shown."""
        properties: list[Raw] = [{"id": "unit", "value": self.unit}]
        if self.words is not None:
            cells = {"type": "color-text"}
            properties.append({"id": "mappings", "value": [_mapping(self.words)]})
            properties.append({"id": "custom.cellOptions", "value": cells})
        return {"matcher": {"id": "byName", "options": self.heading}, "properties": properties}


def table(title: str, text: str, keys: Sequence[str], columns: Sequence[Column]) -> Panel:
    """One line for each set of labels.

    Parameters
    ----------
    keys
        The labels.
    """
    names = {f"Value #{chr(65 + i)}": column.heading for i, column in enumerate(columns)}
    order = {"excludeByName": {"Time": True}, "indexByName": _order(keys), "renameByName": names}
    merged = [{"id": "merge", "options": {}}, {"id": "organize", "options": order}]
    queries = [(column.query, "") for column in columns]
    return _cells(title, text, 16, queries, merged, [column.override for column in columns])


def labels(title: str, text: str, query: str, keys: Sequence[str]) -> Panel:
    """The labels of all series that an expression gives."""
    shown = {"include": {"names": list(keys)}}
    order = {"excludeByName": {}, "indexByName": _order(keys), "renameByName": {}}
    only: list[Raw] = [
        {"id": "filterFieldsByName", "options": shown},
        {"id": "organize", "options": order},
    ]
    return _cells(title, text, 8, [(query, "")], only, [])


def _cells(
    title: str, text: str, width: int, queries: Queries, changes: list[Raw], overrides: list[Raw]
) -> Panel:
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
    options = {
        "showHeader": True, "cellHeight": "sm", "frameIndex": 0,
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
    }  # fmt: skip
    targets = [one | {"format": "table"} for one in _targets(queries, instant=True)]
    defaults = {"custom": custom | {"inspect": False}, "thresholds": _steps()}
    return Panel(
        "table", title, text, width, _HEIGHT, targets, defaults, options, overrides, changes
    )


def _series(title: str, text: str, queries: Queries, defaults: Raw) -> Panel:
    options = {"legend": _legend(), "tooltip": {"mode": "multi", "sort": "desc"}}
    return Panel("timeseries", title, text, 8, _HEIGHT, _targets(queries), defaults, options)


def _targets(queries: Queries, *, instant: bool = False) -> list[Raw]:
    return [
        {
            "refId": chr(65 + i), "datasource": SOURCE, "editorMode": "code", "expr": query,
            "legendFormat": legend, "range": not instant, "instant": instant,
        }
        for i, (query, legend) in enumerate(queries)
    ]  # fmt: skip


def _steps(*more: tuple[str, float]) -> Raw:
    first: list[Raw] = [{"color": "green", "value": None}]
    return {"mode": "absolute", "steps": first + [{"color": c, "value": v} for c, v in more]}


def _mapping(words: tuple[str, str]) -> Raw:
    colours = ("green", "red")
    said = {str(i): {"text": word, "color": colours[i], "index": i} for i, word in enumerate(words)}
    return {"type": "value", "options": said}


def _legend() -> Raw:
    return {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}


def _order(keys: Sequence[str]) -> dict[str, int]:
    return {key: i for i, key in enumerate(keys)}
