"""Features, training, backtest: the part of a run that needs neither store nor exchange."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_trainer import targets
from clm_trainer.families import registry as families
from clm_trainer.families.base import Dataset, FitContext, reads_of
from clm_trainer.features import FeatureSet, registry
from clm_trainer.own.soundness import Watch
from clm_trainer.panel import Panel
from clm_trainer.stages.backtest import Evaluated, evaluate
from clm_trainer.stages.causality import require_causal_features, require_causal_signals
from clm_trainer.stages.rows import Made, made_of
from clm_trainer.stages.train import Trained, train
from clm_trainer.targets import Target

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
    made: Made
    trained: Trained
    evaluated: Evaluated
    features: FeatureSet

    @property
    def rows(self) -> Dataset:
        """All bars, with the features that the family reads."""
        return self.made.rows

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
    features: FeatureSet | None = None,
) -> Developed:
    """Make a model of bars and judge it out of sample.

    Parameters
    ----------
    events
        Funding of the evaluation window, perpetuals only.
    enter
        Called with the name of each stage before it begins.
    features
        The feature set; without it, the one that the run names.

    Raises
    ------
    ClmError
        InsufficientData, Interrupted; MetricsRejected: a metric is not a finite number, a
        feature or signal uses the future, or an own feature set is not sound. SpecInvalid,
        TrainingFailed: an own feature set can't be made, or raises.
    """
    enter("features")
    target = targets.create(spec)
    features, made = _made(panel, spec, target, features)
    rows = made.rows
    require_causal_features(panel, features, made.probes)
    say = "%d features of %d bars × %d symbols"
    _LOG.info(say, len(rows.names), *rows.usable.shape, extra={"stage": "features"})

    enter("train")

    def tell(done: float, line: str) -> None:
        _LOG.info(line, extra={"stage": "train"})
        context.progress(done, line)

    trained = train(rows, panel, spec, context, tell, features.warm_up_bars)

    enter("backtest")
    require_causal_signals(panel, rows, trained)
    evaluated = evaluate(panel, rows, trained, spec, events)
    _LOG.info(_summary(spec, evaluated.scores.metrics), extra={"stage": "backtest"})
    return Developed(panel, made, trained, evaluated, features)


def _made(
    panel: Panel, spec: RunSpec, target: Target, features: FeatureSet | None
) -> tuple[FeatureSet, Made]:
    """Return the feature set and its rows; the one that the run names is watched meanwhile."""
    reads = reads_of(families.create(spec))
    if features is not None:
        return features, made_of(panel, spec, target, features, reads)
    found = registry.create(spec)
    watch = Watch(found, panel, spec)
    made = made_of(panel, spec, target, watch.features, reads)
    watch.require_sound()
    return found, made


def _summary(spec: RunSpec, metrics: dict[str, float]) -> str:
    """Say the result at a glance; what is undefined is left out."""
    parts = [f"{spec.evaluation.period_days} days out of sample", f"trades {metrics['trades']:.0f}"]
    parts += [f"{name} {metrics[key]:{form}}" for name, key, form in _SHOWN if key in metrics]
    return "  ".join([*parts, f"maxdd {metrics['maxDrawdown']:z.3f}"])
