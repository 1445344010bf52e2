"""The run's files, its tear sheet, and the manifest that makes them its result."""

import tempfile
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pandas as pd

from clm_api.report import ManifestData
from clm_trainer.attempt import Attempt
from clm_trainer.outcome import Outcome
from clm_trainer.tearsheet import Coverage, Hole, TearSheet, render

_LIBRARIES = ("numpy", "pandas", "scipy", "numba", "ta-lib", "pyarrow", "xgboost")
"""Libraries that the numbers depend on."""


def write(outcome: Outcome, attempt: Attempt, *, now: datetime) -> bool:
    """Write all files, the manifest last.

    Returns
    -------
    bool
        False if another attempt published its result first.
    """
    attempt.write_all(outcome.files() | _model_files(outcome))
    libraries = _versions()
    sheet = _tear_sheet(outcome, attempt, libraries, now)
    attempt.write("report.html", render(sheet).encode())
    report = outcome.bars
    return attempt.commit(
        image=outcome.spec.pod.image,
        code_revision=sheet.code_revision,
        libraries=libraries,
        seed=outcome.spec.model.seed,
        data=ManifestData(
            from_=report.from_,
            to=report.to,
            bars=report.bars,
            gaps=report.gaps,
            sha256=report.sha256,
        ),
        created_at=now,
    )


def _model_files(outcome: Outcome) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        outcome.trained.model.save(Path(folder))
        return {f"model/{p.name}": p.read_bytes() for p in Path(folder).iterdir()}


def _versions() -> dict[str, str]:
    """Return the versions of the libraries that this image has."""
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return {name: found[name] for name in _LIBRARIES if name in found}


def _tear_sheet(
    outcome: Outcome, attempt: Attempt, libraries: dict[str, str], now: datetime
) -> TearSheet:
    evaluated, panel, report = outcome.evaluated, outcome.panel, outcome.bars
    return TearSheet(
        title=outcome.layout.schedule,
        version=outcome.version,
        run=outcome.layout.uid,
        spec=outcome.spec,
        metrics=outcome.metrics,
        folds=evaluated.folds,
        equity=evaluated.result.equity,
        trades=evaluated.result.trades,
        importance=outcome.trained.model.importance(),
        coverage=[_coverage(outcome, column) for column in range(len(panel.symbols))],
        holes=_holes(outcome),
        origin=report.notes,
        data_sha256=report.sha256,
        libraries=libraries,
        code_revision=metadata.version("clm-trainer"),
        files=tuple(attempt.files),
        created_at=now,
    )


def _coverage(outcome: Outcome, column: int) -> Coverage:
    panel = outcome.panel
    present = panel.times[~panel.gap[:, column]]
    missing = panel.listed[:, column] & panel.gap[:, column]
    return Coverage(
        symbol=panel.symbols[column],
        first=present[0],
        last=present[-1],
        bars=len(present),
        missing=int(missing.sum()),
    )


def _holes(outcome: Outcome) -> list[Hole]:
    panel, holes = outcome.panel, []
    for column, symbol in enumerate(panel.symbols):
        missing = pd.Series(panel.listed[:, column] & panel.gap[:, column])
        runs = (missing != missing.shift()).cumsum()[missing]
        for _, rows in runs.groupby(runs):
            first, last = panel.times[rows.index[0]], panel.times[rows.index[-1]]
            holes.append(Hole(symbol, first, last, len(rows)))
    return holes
