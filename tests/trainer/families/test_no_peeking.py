"""In a whole run bars after a fold's training span change nothing that was fitted for it.

The poison starts where the calibration tail ends, so the purge is poisoned too. One family of each
kind; that no family keeps what later bars could change is among the promises of all.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic.alias_generators import to_camel

from clm_api.families import Family as FamilyName
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.evaluation.splits import Span
from clm_trainer.families.base import Dataset, Family, FitContext, Fitted
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages import train as stage
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real
from tests.trainer.families.fits import SMALL
from tests.trainer.families.runs import context, quick


@dataclass
class Fit:
    files: dict[str, bytes]
    quantiles: Floats
    span: Span


def fits_of(
    panel: Panel, name: FamilyName, folder: Path, patch: pytest.MonkeyPatch
) -> tuple[list[Fit], Floats]:
    """Train as a run does; return every fit, the final one last, and the window's percentiles."""
    kept: list[Fit] = []
    usual = stage.fit_span

    def keep(
        family: Family, rows: Dataset, span: Span, how: FitContext, **more: Any
    ) -> tuple[Fitted, PercentileMap, int]:
        made = usual(family, rows, span, how, **more)
        place = folder / str(len(kept))
        place.mkdir(parents=True)
        made[0].save(place)
        files = {path.name: path.read_bytes() for path in place.iterdir()}
        kept.append(Fit(files, made[1].quantiles, span))
        return made

    spec = quick(model={"family": name.value, to_camel(name.field): SMALL.get(name, {})})
    with patch.context() as inside:
        inside.setattr(stage, "fit_span", keep)
        rows = dataset(panel, Return(spec.target.horizon_bars))
        trained = stage.train(rows, panel, spec, context(), lambda _done, _line: None)
    kept.append(kept.pop(1))  # the final span is fitted second
    return kept, trained.percentiles


def poisoned(panel: Panel, since: int) -> Panel:
    """Absurd bars from a row on: prices that jump a thousandfold, volumes beyond reason."""
    rng = np.random.default_rng(4)
    shape = (len(panel) - since, len(panel.symbols))
    centre = 10.0 ** rng.uniform(-2, 8, shape)
    new = {"open": centre / 3, "high": centre * 5, "low": centre / 3, "close": centre}
    new["volume"] = 10.0 ** rng.uniform(0, 14, shape)
    arrays: Any = {k: np.concatenate([getattr(panel, k)[:since], v]) for k, v in new.items()}
    return replace(panel, **arrays)


@pytest.mark.parametrize(
    "name", [FamilyName.XGBOOST, FamilyName.NHITS, FamilyName.RL_V3, FamilyName.CUSTOM], ids=str
)
@pytest.mark.parametrize("fold", [0, 1], ids=["first fold", "second fold"])
def test_poison_after_the_training_span_changes_nothing_before(
    name: FamilyName, fold: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, percentiles = fits_of(real(260), name, tmp_path / "clean", monkeypatch)
    _, known_until = clean[fold].span.calibration
    panel = poisoned(real(260), known_until)
    bad, theirs = fits_of(panel, name, tmp_path / "bad", monkeypatch)
    assert len(clean) == len(bad) == 3
    for number in range(fold + 1):
        assert bad[number].files == clean[number].files
        np.testing.assert_array_equal(bad[number].quantiles, clean[number].quantiles)
    known = max(0, known_until - clean[0].span.test[0])
    np.testing.assert_array_equal(theirs[:known], percentiles[:known])
    assert not np.array_equal(bad[-1].quantiles, clean[-1].quantiles), "the final fit sees it"
