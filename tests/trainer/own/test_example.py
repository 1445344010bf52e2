"""The example package: its schedule is valid where it is installed, and a run of it is judged."""

from datetime import UTC, datetime

import numpy as np
import yaml

from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.own import check
from clm_trainer.stages.develop import develop
from tests.support.repository import ROOT
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import POD, QUICK, context

SCHEDULE = ROOT / "examples" / "own" / "schedule.yaml"


def run_of_the_example() -> RunSpec:
    """The example's run on 260 days of bars, 30 of them out of sample."""
    spec = yaml.safe_load(SCHEDULE.read_text())["spec"]
    for group, values in QUICK.items():
        spec[group] = {**spec.get(group, {}), **values}
    typed = TrainingScheduleSpec.model_validate(spec)
    slot = datetime(2025, 12, 2, 6, tzinfo=UTC)
    return resolve(typed, slot=slot, trials=RunTrials(), pod_defaults=POD)


def test_its_schedule_is_valid_where_it_is_installed() -> None:
    assert check.faults(run_of_the_example()) == ()


def test_own_features_target_and_model_are_trained_and_judged() -> None:
    made = develop(real(260), run_of_the_example(), context())
    assert made.rows.names == ("momentum_fast", "momentum_slow", "busy")
    assert np.isfinite(made.trained.percentiles).mean() > 0.9
    assert made.metrics.metrics["trades"] > 0
