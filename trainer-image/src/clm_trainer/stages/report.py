"""The run's files, its tear sheet, and the manifest that makes them its result."""

import tempfile
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pandas as pd

from clm_api.families import Family
from clm_trainer.attempt import Attempt
from clm_trainer.outcome import Outcome
from clm_trainer.own.plain import require_plain
from clm_trainer.revision import git_revision
from clm_trainer.serving.model import LIVE
from clm_trainer.sources.report import DataReport, SourceReport, SymbolReport
from clm_trainer.tearsheet import Coverage, Hole, Production, TearSheet, render
from clm_trainer.tearsheet.formats import number

_COMMON = ("numpy", "pandas", "scipy", "numba", "pyarrow")
_LIBRARIES = dict.fromkeys((*_COMMON, *(name for f in Family for name in f.row.libraries)))
"""Libraries that the numbers depend on, each once."""


def write(
    outcome: Outcome, attempt: Attempt, *, production: Production | str, now: datetime
) -> bool:
    """Write all files, the manifest last.

    Parameters
    ----------
    production
        The version in production, or a sentence that says why there is none to compare with.

    Returns
    -------
    bool
        False if another attempt published its result first.
    """
    files = outcome.files() | _model_files(outcome)
    attempt.write_all(files | {LIVE: outcome.live_state(files)})
    libraries = library_versions()
    own = {name: f"{one.version}, sha256 {one.sha256}" for name, one in outcome.packages.items()}
    sheet = _tear_sheet(outcome, attempt, production, libraries | own, now)
    attempt.write("report.html", render(sheet).encode())
    return attempt.commit(
        image=outcome.spec.pod.image,
        code_revision=sheet.code_revision,
        libraries=libraries,
        packages=outcome.packages,
        seed=outcome.spec.model.seed,
        data=outcome.bars.for_manifest(),
        created_at=now,
    )


def _model_files(outcome: Outcome) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        outcome.developed.trained.model.save(top)
        paths = [path for path in top.rglob("*") if path.is_file()]
        files = {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}
    require_plain(files)
    return {f"model/{name}": content for name, content in files.items()}


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that this image has."""
    found = {}
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _tear_sheet(
    outcome: Outcome,
    attempt: Attempt,
    production: Production | str,
    libraries: dict[str, str],
    now: datetime,
) -> TearSheet:
    developed, bars = outcome.developed, outcome.bars
    evaluated = developed.evaluated
    return TearSheet(
        title=outcome.layout.schedule,
        version=outcome.version,
        run=outcome.layout.uid,
        spec=outcome.spec,
        metrics=developed.metrics,
        folds=evaluated.folds,
        equity=evaluated.result.equity,
        sleeves=pd.DataFrame(evaluated.result.sleeves, columns=list(developed.panel.symbols)),
        trades=evaluated.result.trades,
        predictions=evaluated.predictions,
        importance=developed.trained.model.importance(),
        coverage=[_coverage(one) for one in bars.symbols],
        holes=_holes(bars, developed.panel.timeframe),
        origin=_origin(bars),
        data_sha256=bars.sha256,
        libraries=libraries,
        code_revision=metadata.version("clm-trainer"),
        git_revision=git_revision(),
        files=tuple(attempt.files),
        production=production,
        created_at=now,
    )


def _coverage(one: SymbolReport) -> Coverage:
    return Coverage(one.symbol, one.first, one.last, one.bars, one.missing)


def _holes(bars: DataReport, step: pd.Timedelta) -> list[Hole]:
    return [
        Hole(one.symbol, hole.start, hole.start + (hole.bars - 1) * step, hole.bars)
        for one in bars.symbols
        for hole in one.gaps
    ]


def _origin(bars: DataReport) -> list[str]:
    """Say where the bars came from, and what looks odd about them."""
    cached = sum(one.cached for one in bars.symbols)
    asked = f"{bars.requests} requests."
    lines = [f"{number(bars.bars, 0)} bars, {number(cached, 0)} of them from the store; {asked}"]
    odd = [
        f"{one.symbol} {len(one.spikes)}, the last at {one.spikes[-1]:%Y-%m-%d %H:%M}"
        for one in bars.symbols
        if one.spikes
    ]
    if odd:
        lines.append(f"Spikes of one bar that revert, reported and not repaired: {', '.join(odd)}.")
    return [*lines, *map(_beside, bars.sources), *bars.notes]


def _beside(one: SourceReport) -> str:
    """Say how good a column is that the bars see beside their prices."""
    oldest = pd.Timedelta(one.oldest_seconds, "s")
    missing = "none" if one.missing == 0 else number(one.missing, 0)
    return (
        f"{one.name}: {number(one.rows, 0)} rows; {missing} of the bars without a value; the "
        f"oldest value that a bar used had been known for {oldest}."
    )
