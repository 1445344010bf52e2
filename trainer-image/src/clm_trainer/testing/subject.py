"""A family under test, with the rows that it is tested on."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from clm_api.families import Family as FamilyName
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.families.base import Dataset, Family, FitContext, Fitted
from clm_trainer.own.door import Offer, checked, opened
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from clm_trainer.testing.market import SYMBOLS, drawn, poisoned, with_holes
from clm_trainer.testing.peak import peak_memory

DAYS, HORIZON_BARS = 150, 24
SPANS = (((0, 1600), (1625, 2100)), ((0, 3100), (3125, 3600)), ((0, 2100), (2125, 2600)))
"""Training rows and calibration tail of a run's fits, in its order: the longest one is second."""
POISON_BAR = 2625
"""No label of the first and third span reaches it."""
_POD = {"image": "none", "gpu": {"count": 0}, "resources": {}}


def run_spec(**groups: Any) -> RunSpec:
    """Return what a run is told, on the drawn market's symbols."""
    model = {"family": next(iter(FamilyName)), **groups.pop("model", {})}
    told = {"interval": "6h", "model": model, "data": {"symbols": list(SYMBOLS)}, **groups}
    schedule = TrainingScheduleSpec.model_validate(told)
    slot = datetime(2025, 1, 1, tzinfo=UTC)
    return resolve(schedule, slot=slot, trials=RunTrials(), pod_defaults=_POD)


def rows_of(panel: Panel) -> Dataset:
    """Return CLM's own features and labels of bars; in holes the features are NaN."""
    made = dataset(panel, Return(HORIZON_BARS))
    return replace(made, features=np.where(made.usable[:, :, None], made.features[:], np.nan))


@cache
def holed_rows() -> Dataset:
    """Return the rows of ``holed_panel``."""
    return rows_of(holed_panel())


@cache
def holed_panel() -> Panel:
    """150 days of drawn hourly bars of two symbols, of which 2 % are missing."""
    gap = np.random.default_rng(2).random((DAYS * 24, len(SYMBOLS))) < 0.02
    return with_holes(drawn(DAYS, seed=3, strength=0.1).panel, gap)


@cache
def poisoned_rows() -> Dataset:
    """Return the same with absurd bars from ``POISON_BAR`` on."""
    return rows_of(poisoned(holed_panel(), POISON_BAR))


def parts(rows: Dataset) -> tuple[Dataset, Dataset, Dataset]:
    """Return training rows, calibration tail and test rows, purged."""
    return rows.rows(0, 2600), rows.rows(2625, 3100), rows.rows(3125, 3600)


def context(
    seed: int,
    *,
    device: str = "cpu",
    progress: Callable[[float, str], None] = lambda _, __: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FitContext:
    """Return the circumstances of a fit on one thread."""
    return FitContext(seed, device, 1, progress, should_stop)


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit, and what it took.

    Parameters
    ----------
    told
        What it said of its progress.
    """

    fitted: Fitted
    told: tuple[tuple[float, str], ...]
    cpu_s: float
    memory_mib: float


@dataclass(frozen=True, eq=False)
class Subject:
    """A family under test.

    Parameters
    ----------
    most_cpu_s, most_memory_mib
        What a fit on 2600 bars of two symbols may take.
    """

    name: str
    offer: Offer[Family]
    params: Mapping[str, Any]
    most_cpu_s: float
    most_memory_mib: float

    def family(self, **params: Any) -> Family:
        """Return a family as a run has it, with these parameters beside the given ones."""
        told = checked(self.offer, self.name, {**self.params, **params}, "check_family")
        return self.offer.make(told, run_spec())

    def fit(
        self, rows: Dataset | None = None, seed: int = 1, how: Mapping[str, Any] | None = None
    ) -> Fitted:
        """Train a new family on the first part of rows."""
        train, valid, _ = parts(holed_rows() if rows is None else rows)
        return self.family().fit(train, valid, context(seed, **(how or {})))

    @cached_property
    def first(self) -> Fit:
        """The fit that several promises look at."""
        told: list[tuple[float, str]] = []
        begun = time.process_time()
        with peak_memory() as peak:
            fitted = self.fit(how={"progress": lambda done, line: told.append((done, line))})
        return Fit(fitted, tuple(told), time.process_time() - begun, peak.grown_mib)

    @property
    def test(self) -> Dataset:
        """Rows that the fits did not see."""
        return parts(holed_rows())[2]

    @cached_property
    def scores(self) -> Floats:
        """What the first fit says of the test rows."""
        return self.first.fitted.score(self.test)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of the first fit, by their path."""
        with TemporaryDirectory() as folder:
            self.first.fitted.save(Path(folder))
            found = sorted(file for file in Path(folder).rglob("*") if file.is_file())
            return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}

    def loaded(self, files: Mapping[str, bytes], names: tuple[str, ...]) -> Fitted:
        """Return what a new family reads from files."""
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                file = Path(folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            return self.family().load(Path(folder), names)


def subject(
    offer: Offer[Family] | str, params: Mapping[str, Any] | None, cpu_s: float, memory_mib: float
) -> Subject:
    """Return a family under test; asked again with the same, the same one with its fits.

    Raises
    ------
    SpecError
        No package offers that name, or the parameters are wrong.
    """
    key = json.dumps(dict(params or {}), sort_keys=True)
    made = _made(offer, key, cpu_s, memory_mib)
    made.family()
    return made


@cache
def _made(offer: Offer[Family] | str, params: str, cpu_s: float, memory_mib: float) -> Subject:
    name = offer if isinstance(offer, str) else "the offered family"
    found = opened("clm.families", offer, "offer") if isinstance(offer, str) else offer
    return Subject(name, found, json.loads(params), cpu_s, memory_mib)
