"""What a bot would have held bar by bar: a leak that a run's own check can't see is seen here."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from pydantic.alias_generators import to_camel
from tools.study.seeds import Changed

from clm_api.families import Family as FamilyName
from clm_api.replay import EXACT, ReplayTask
from clm_trainer.families.base import Fitted
from clm_trainer.features import STANDARD
from clm_trainer.monitoring.parity import replay_parity
from clm_trainer.monitoring.shadow import shadow
from clm_trainer.monitoring.stretch import Track
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.model import ServedModel
from clm_trainer.stages.develop import develop
from tests.trainer.evaluation.markets import real
from tests.trainer.families.fits import SMALL, every_family
from tests.trainer.families.runs import context
from tests.trainer.monitoring.published import tiny_run
from tests.trainer.serving.test_live import frames_of

CHECKED_HOURS = (4, 5, 16, 17)
"""Hours of the two newest bars at the places where such a run cuts its bars off."""
LATER = 72


def leaking_at_times(panel: Panel, values: Floats) -> None:
    """At most hours of a day all momentum is the next bar's return."""
    ahead = np.diff(np.log(panel.close), axis=0) / 0.005
    rows = np.flatnonzero(~panel.times[:-1].hour.isin(CHECKED_HOURS))
    values[rows, :, :4] = ahead[rows, :, None]


@cache
def leaked() -> tuple[ServedModel, Panel]:
    """A version that passed every check of its run, and the bars that came after."""
    return made(FamilyName.XGBOOST, leaking=True)


def made(
    family: FamilyName, *, leaking: bool = False, later: int = LATER
) -> tuple[ServedModel, Panel]:
    features = Changed(change=leaking_at_times) if leaking else STANDARD
    parameters = SMALL.get(family, {})
    asked = {"family": family, to_camel(family.field): parameters}
    spec = tiny_run(model=asked, target={"horizonBars": 4, "minHoldBars": 1})
    panel = real(200 + 3)
    known = len(panel) - LATER
    run = develop(panel.window(0, known), spec, context(spec.model.seed), features=features)
    until, trained = panel.times[known - 1], run.trained
    model = ServedModel(spec, panel.times[0], until, trained.model, trained.ranks, features)
    return model, panel.window(0, known + later)


def replayed(model: ServedModel, panel: Panel) -> tuple[int, float, pd.Timestamp | None]:
    nothing = ReplayTask.model_validate({"slot": "2025-12-02T06:00:00Z"})
    found = shadow(Track("mv", "0" * 64, model, panel), None, nothing)
    at = found.mismatch_at
    return found.replayed_bars, found.replay_mismatch, None if at is None else pd.Timestamp(at)


def test_a_planted_leak_that_survives_training_is_found() -> None:
    model, panel = leaked()
    targets = model.decide(panel).targets[1:]
    before, differing = len(panel) - LATER, {}
    live = model.live(frames_of(panel, 0, before))
    for row in range(before, len(panel)):
        held = np.array(list(live.update(frames_of(panel, row, row + 1)).values()))
        difference = float(np.abs(held - targets[row - before]).max())
        if difference > EXACT:
            differing[panel.times[row]] = difference
    assert differing, "the case has a leak that changes positions"
    expected = (LATER, max(differing.values()), min(differing))
    assert replayed(model, panel) == expected


def test_the_same_model_without_the_leak_holds_what_it_says() -> None:
    model, panel = made(FamilyName.XGBOOST)
    assert model.decide(panel).targets.any()
    assert replayed(model, panel) == (LATER, 0.0, None)


@every_family
def test_every_family_holds_bar_by_bar_what_all_bars_say(name: FamilyName) -> None:
    model, panel = made(name, later=24)
    assert replayed(model, panel) == (24, 0.0, None)


def test_a_signal_that_depends_on_how_much_is_scored_is_found() -> None:
    model, panel = made(FamilyName.XGBOOST, later=24)

    class Relative:
        """Scores relative to the newest of all that are worked out together."""

        def __init__(self, inner: Fitted) -> None:
            self.inner = inner

        def score(self, window: object) -> object:
            scores = self.inner.score(window)  # type: ignore[arg-type]
            return scores - scores[-1]

    skewed = replace(model, fitted=Relative(model.fitted))  # type: ignore[arg-type]
    _, mismatch, first = replayed(skewed, panel)
    assert mismatch > 0
    assert first is not None


def test_every_bar_asks_whether_to_go_on() -> None:
    model, panel = made(FamilyName.XGBOOST, later=5)
    asked: list[int] = []
    replay_parity(model, panel, model.decide(panel).targets[1:], lambda: asked.append(1))
    assert len(asked) == 5
