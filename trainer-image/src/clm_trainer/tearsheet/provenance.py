"""The end of the page: data, settings, and what it takes to make the same run again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from clm_api.report import ManifestFile
from clm_api.run import RunSpec
from clm_trainer.tearsheet import words
from clm_trainer.tearsheet.formats import moment, number
from clm_trainer.tearsheet.grid import Cell, Grid, row
from clm_trainer.tearsheet.holes import Coverage

WITHOUT_IMAGE = "local"
"""What runs without a cluster have in the place of an image."""


def coverage(rows: Sequence[Coverage]) -> Grid:
    """Return how many bars each symbol has and lacks."""
    made = [
        row(c.symbol, moment(c.first), moment(c.last), number(c.bars, 0), number(c.missing, 0))
        for c in rows
    ]
    headings = ("symbol", "first bar", "last bar", "bars", "missing")
    return Grid(headings, made, frozenset({1, 2}))


def settings(spec: RunSpec) -> list[tuple[str, Grid]]:
    """Return every setting of the run by group: what it means, and its value."""
    groups: tuple[tuple[str, BaseModel], ...] = (
        (spec.model.family.row.title, spec.model.parameters),
        ("Features", spec.model.features),
        ("From scores to positions", spec.target),
        ("Evaluation", spec.evaluation),
        ("Costs", spec.costs),
    )
    return [(title, _fields(group)) for title, group in groups]


def _fields(group: BaseModel) -> Grid:
    rows = []
    for name, field in type(group).model_fields.items():
        value = getattr(group, name)
        if value is not None:
            said = (field.description or name).split("\n", maxsplit=1)[0].rstrip(".")
            rows.append(row(Cell(words.spoken(said), "soft"), Cell(_written(value), "code")))
    return Grid((), rows, kind="pairs")


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value if "." in value else words.spoken(value)  # names of own code have a dot
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """Return what stands for a value in JSON: of a model the fields that are set."""
    return (
        value.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if isinstance(value, BaseModel)
        else str(value)
    )


def pairs(values: Mapping[str, Any]) -> Grid:
    """Return names and values."""
    rows = [row(Cell(name, "soft"), Cell(str(value), "code")) for name, value in values.items()]
    return Grid((), rows, kind="pairs")


def files(found: Sequence[ManifestFile]) -> Grid:
    """Return the attempt's other files with their digests."""
    rows = [
        row(Cell(one.path.split("/", 2)[2], "code"), number(one.size, 0), Cell(one.sha256, "code"))
        for one in found
    ]
    return Grid(("file", "bytes", "sha256"), rows, frozenset({2}))


def image_digest(image: str) -> str:
    """Return the digest that an image's name pins it to, or how to pin it."""
    if image == WITHOUT_IMAGE:
        return "none: the run was made without an image"
    _, found, digest = image.partition("@")
    return digest if found else "not pinned: the image was named by its tag alone"
