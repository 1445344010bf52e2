"""What the report of a simulation shows, and the page made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from clm_api.report import ManifestFile
from clm_api.run import RunSpec
from clm_api.simulation_task import SimulationTask, VariantOrigin
from clm_trainer.evaluation.significance import CONFIDENCE
from clm_trainer.simulation.choice import Choice
from clm_trainer.simulation.report import tables
from clm_trainer.tearsheet import formats, plots, provenance, words
from clm_trainer.tearsheet.page import environment
from clm_trainer.tearsheet.svg import LINES

MOST_ROWS = 5000
"""Versions that the page lists; the files list all of them."""
_LEAST_ROWS = 20


@dataclass(frozen=True, eq=False)
class Shown:
    """One variant.

    Parameters
    ----------
    facts
        As in ``simulation.json``.
    curve
        Frame with time, equity and benchmark: some points of ``equity.parquet``.
    deflated_sharpe
        Counting all tries of all variants.
    """

    name: str
    run: RunSpec
    facts: Mapping[str, Any]
    curve: pd.DataFrame
    origin: VariantOrigin
    deflated_sharpe: float | None

    @property
    def sharpe(self) -> float | None:
        """That of production; None if there is none."""
        found: float | None = self.facts["production"].get("sharpe")
        return found


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Parameters
    ----------
    title
        The Simulation's name.
    judged
        Versions of all variants that were judged.
    tries
        The same, once for each of a version's seeds.
    files
        The other files of the attempt.
    """

    title: str
    uid: str
    task: SimulationTask
    task_sha256: str
    variants: Sequence[Shown]
    choice: Choice
    judged: int
    tries: int
    files: Sequence[ManifestFile]
    libraries: Mapping[str, str]
    code_revision: str
    git_revision: str
    created_at: datetime

    @property
    def best(self) -> Shown | None:
        """The variant with the highest Sharpe ratio; None where none traded."""
        known = [(one.sharpe, one) for one in self.variants if one.sharpe is not None]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    @property
    def above_luck(self) -> bool:
        """Whether the best variant's Sharpe ratio is above the luck of all tries."""
        found = None if self.best is None else self.best.deflated_sharpe
        return found is not None and found >= CONFIDENCE


def render(report: Report) -> str:
    """Return the page: one file without scripts and without anything from elsewhere."""
    drawn = _drawn(report)
    most = max(_LEAST_ROWS, MOST_ROWS // len(report.variants))
    return (
        environment()
        .get_template("simulation.html.j2")
        .render(
            {
                "report": report,
                "best": report.best,
                "words": words,
                "lines": [tables.verdict(one) for one in report.variants],
                "table": tables.variants(report.variants),
                "passing": tables.after_passing(report.variants),
                "equity": plots.curves(
                    {one.name: one.curve for one in drawn},
                    (report.best or report.variants[0]).curve,
                ),
                "keys": [(one.name, c.name.lower()) for one, c in zip(drawn, LINES, strict=False)],
                "benchmark_of": (report.best or report.variants[0]).name,
                "changes": tables.changes(report.task),
                "details": [_details(one, most) for one in report.variants],
                "settings": provenance.settings(report.variants[0].run),
                "digests": tables.digests(report.variants),
                "made": _made(report),
                "libraries": provenance.pairs(report.libraries),
                "files": provenance.files(report.files),
            }
        )
    )


def _drawn(report: Report) -> Sequence[Shown]:
    """Return the variants that a plot has colours for: where there are more, best and worst."""
    if len(report.variants) <= len(LINES):
        return report.variants
    order = sorted(report.variants, key=lambda one: -one.facts["production"]["totalReturn"])
    half = len(LINES) // 2
    return [*order[:half], *order[-half:]]


def _details(one: Shown, most: int) -> dict[str, Any]:
    rows = one.facts["history"]
    return {
        "name": one.name,
        "promotions": [promotion["slot"][:10] for promotion in one.facts["promotions"]],
        "choice": one.facts["overfitting"],
        "versions": tables.versions(rows[-most:]),
        "shown": min(most, len(rows)),
        "all": len(rows),
    }


def _made(report: Report) -> Any:
    return provenance.pairs(
        {
            "trainer": report.code_revision,
            "git revision": report.git_revision,
            "written": formats.moment(report.created_at),
            "simulation": report.uid,
            "task.json sha256": report.task_sha256,
        }
    )
