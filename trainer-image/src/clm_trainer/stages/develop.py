"""Features, training, backtest: the part of a run that needs neither store nor exchange."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_trainer import targets
from clm_trainer.families.base import Dataset, FitContext
from clm_trainer.features import FeatureTable, build_features
from clm_trainer.panel import Panel
from clm_trainer.stages.backtest import Evaluated, evaluate
from clm_trainer.stages.causality import require_no_look_ahead
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import Trained, train
from clm_trainer.targets import Labels
from clm_trainer.targets.settled import require_settled

_LOG = logging.getLogger("clm_trainer")
_SHOWN = (
    ("sharpe", "sharpe", "z.2f"), ("win", "winRate", "z.3f"), ("pf", "profitFactor", "z.2f"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Developed:
    """A model and how good it is.

    Parameters
    ----------
    panel
        The bars it was made of.
    """

    panel: Panel
    rows: Dataset
    trained: Trained
    evaluated: Evaluated

    @cached_property
    def metrics(self) -> MetricsFile:
        """The judged numbers, without anything that differs between two equal runs."""
        scores = self.evaluated.scores
        last = self.trained.walk.final.calibration[1] - 1
        return MetricsFile(
            metrics=scores.metrics,
            undefined=scores.undefined,
            sr_per_bar=scores.sr_per_bar,
            bars=scores.bars,
            skew=scores.skew,
            kurtosis=scores.kurtosis,
            trained_until=self.panel.times[last].to_pydatetime(),
        )


def develop(
    panel: Panel,
    spec: RunSpec,
    context: FitContext,
    events: pd.DataFrame | None = None,
    *,
    enter: Callable[[str], None] = lambda _: None,
    build: Callable[[Panel], FeatureTable] = build_features,
) -> Developed:
    """Make a model of bars and judge it out of sample.

    Parameters
    ----------
    events
        Funding of the evaluation window, perpetuals only.
    enter
        Called with the name of each stage before it begins.
    build
        The feature set.

    Raises
    ------
    ClmError
        InsufficientData, Interrupted; MetricsRejected: a metric is not a finite number, or a
        feature or signal uses the future.
    """
    enter("features")
    target = targets.create(spec)
    rows = dataset(panel, target, build)
    labels = Labels(rows.target, rows.ends)
    require_settled(target, spec.target.kind, panel, rows.sigma, labels)
    say = "%d features of %d bars × %d symbols"
    _LOG.info(say, len(rows.names), *rows.usable.shape, extra={"stage": "features"})

    enter("train")

    def tell(done: float, line: str) -> None:
        _LOG.info(line, extra={"stage": "train"})
        context.progress(done, line)

    trained = train(rows, panel, spec, context, tell)

    enter("backtest")
    require_no_look_ahead(panel, rows, trained, build)
    evaluated = evaluate(panel, rows, trained, spec, events)
    _LOG.info(_summary(spec, evaluated.scores.metrics), extra={"stage": "backtest"})
    return Developed(panel, rows, trained, evaluated)


def _summary(spec: RunSpec, metrics: dict[str, float]) -> str:
    """Say the result at a glance; what is undefined is left out."""
    parts = [f"{spec.evaluation.period_days} days out of sample", f"trades {metrics['trades']:.0f}"]
    parts += [f"{name} {metrics[key]:{form}}" for name, key, form in _SHOWN if key in metrics]
    return "  ".join([*parts, f"maxdd {metrics['maxDrawdown']:z.3f}"])
