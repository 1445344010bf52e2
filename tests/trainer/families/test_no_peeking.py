"""Nothing that is fitted for a fold sees that fold's test block, or anything later."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clm_api.families import Family as FamilyName
from clm_api.run import RunSpec
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.evaluation.splits import Span
from clm_trainer.families.base import Dataset, Family, FitContext, Fitted
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages import train as stage
from clm_trainer.stages.features import dataset
from tests.trainer.evaluation.markets import real
from tests.trainer.families.fits import SMALL, context, every_family
from tests.trainer.pipeline.sheets import run_spec

FOLDS = 2


@dataclass
class Fit:
    files: dict[str, bytes]
    quantiles: Floats
    span: Span


def spec_of(name: FamilyName) -> RunSpec:
    return run_spec(
        model={"family": name, name.value: SMALL.get(name, {})},
        evaluation={"periodDays": 30, "folds": FOLDS},
        target={"calibrationDays": 30},
    )


def fits_of(
    panel: Panel, name: FamilyName, folder: Path, patch: pytest.MonkeyPatch
) -> tuple[list[Fit], stage.Trained]:
    """Train as a run does, and keep every fit."""
    kept: list[Fit] = []
    real_fit = stage.fit_span

    def keep(
        family: Family, rows: Dataset, span: Span, how: FitContext
    ) -> tuple[Fitted, PercentileMap, int]:
        made = real_fit(family, rows, span, how)
        place = folder / str(len(kept))
        place.mkdir(parents=True)
        made[0].save(place)
        files = {path.name: path.read_bytes() for path in sorted(place.iterdir())}
        kept.append(Fit(files, made[1].quantiles, span))
        return made

    spec = spec_of(name)
    with patch.context() as inside:
        inside.setattr(stage, "fit_span", keep)
        rows, _ = dataset(panel, spec.target.horizon_bars)
        trained = stage.train(rows, panel, spec, context(), lambda _done, _line: None)
    return kept, trained


def poisoned(panel: Panel, since: int) -> Panel:
    """Absurd bars from a row on: prices that jump a thousandfold, volumes beyond reason."""
    rng = np.random.default_rng(4)
    shape = (len(panel) - since, len(panel.symbols))
    centre = 10.0 ** rng.uniform(-2, 8, shape)
    lower, upper = centre / 3, centre * 5
    new: dict[str, Any] = {"open": lower, "high": upper, "low": lower, "close": centre}
    new["volume"] = 10.0 ** rng.uniform(0, 14, shape)
    arrays = {k: np.concatenate([getattr(panel, k)[:since], v]) for k, v in new.items()}
    return replace(panel, **arrays)


@every_family
@pytest.mark.parametrize("fold", range(FOLDS), ids=lambda k: f"fold {k + 1}")
def test_poison_after_the_training_span_changes_nothing_before(
    name: FamilyName, fold: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = real(260)
    clean, trained = fits_of(panel, name, tmp_path / "clean", monkeypatch)
    _, known_until = clean[fold].span.calibration
    bad, dirty = fits_of(poisoned(panel, known_until), name, tmp_path / "bad", monkeypatch)
    assert len(clean) == len(bad) == FOLDS + 1
    for number in range(fold + 1):
        assert bad[number].files == clean[number].files
        np.testing.assert_array_equal(bad[number].quantiles, clean[number].quantiles)
    assert bad[-1].files != clean[-1].files, "the poison works: the final fit sees it"
    begin, start = clean[fold].span.test[0], trained.walk.window[0]
    before = slice(0, begin - start - (begin - known_until))
    np.testing.assert_array_equal(dirty.percentiles[before], trained.percentiles[before])


@every_family
def test_every_bar_of_the_window_is_predicted_by_its_fold(
    name: FamilyName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits, trained = fits_of(real(260), name, tmp_path, monkeypatch)
    assert np.isfinite(trained.percentiles).all()
    assert trained.fold_of.tolist() == [0] * 360 + [1] * 360
    assert len(trained.fits) == FOLDS + 1
    assert list(trained.fits) == sorted(trained.fits), "each fold knows more than the one before"
    np.testing.assert_array_equal(trained.ranks.quantiles, fits[-1].quantiles)
