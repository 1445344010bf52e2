"""Whether noise passes by the gate's width or by a defect: ``python -m tools.study.width FAMILY``.

Versions on noise, with seeds that judge nothing, are backtested without costs too. Without a defect
they gain nothing then, their Sharpe ratios spread as the formula of the PSR says, and their bars
don't depend on each other.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from clm_api.promotion import judge
from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.panel import Floats
from clm_trainer.stages.backtest import evaluate
from clm_trainer.stages.develop import Developed, develop
from tools.study.seeds import LOOKBACK_DAYS, MODES, context, market, run_spec
from tools.study.shares import PSR

SEEDS = range(1000, 1200)
DAY = 24


def version(family: str, seed: int) -> dict[str, dict[str, float]]:
    """Return what a version on noise shows in each mode."""
    specs = {mode: run_spec(family, mode) for mode in MODES}
    first = specs[MODES[0]]
    known = market(0.0, seed).window(0, LOOKBACK_DAYS * 24)
    developed = develop(known, first, context(first.model.seed))
    return {mode: _shown(developed, spec) for mode, spec in specs.items()}


def _shown(developed: Developed, spec: RunSpec) -> dict[str, float]:
    trained, start = developed.trained, developed.trained.walk.window[0]
    window = developed.panel.window(*trained.walk.window)
    sigma = developed.rows.sigma[start : start + len(window)]
    targets = target_positions(trained.percentiles, sigma, window, spec.target, shorts=spec.shorts)
    scored = evaluate(developed.panel, developed.rows, trained, spec).scores
    criteria, significance = spec.promotion.criteria, spec.promotion.significance
    verdict = judge(scored.metrics, scored.undefined, criteria, significance)
    year, play = np.sqrt(window.bars_per_year), Play(window, targets, spec.cost_bps)
    free = play.at(0.0)
    net = backtest.net_returns(play)
    return {
        "net": _sharpe(net) * year,
        "gross": _sharpe(backtest.net_returns(free)) * year,
        "hold": _sharpe(backtest.net_returns(replace(free, targets=np.ones_like(targets)))) * year,
        "days": days(net),
        "formula": year / np.sqrt(len(window) - 1),
        "passed": float(verdict.stage == "CANDIDATE"),
        "psr": float(scored.metrics.get("psr", 0.0) >= PSR),
    }


def _sharpe(returns: Floats) -> float:
    return float(returns.mean() / returns.std(ddof=1)) if returns.any() else 0.0


def days(returns: Floats) -> float:
    """Return the variance of a day's sum over that of as many independent bars; 1 if they are."""
    sums = np.convolve(returns - returns.mean(), np.ones(DAY), "valid")
    return float(sums.var() / (DAY * returns.var())) if returns.any() else 1.0


def main(family: str) -> None:
    """Print a line a mode: means with their standard errors, spreads, shares."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn) as pool:
        rows: list[dict[str, Any]] = list(pool.map(partial(version, family), SEEDS))
    for mode in MODES:
        shown = {name: np.array([row[mode][name] for row in rows]) for name in rows[0][mode]}
        errors = {name: values.std(ddof=1) / np.sqrt(len(rows)) for name, values in shown.items()}
        means = [f"{n} {v.mean():.3f} ± {errors[n]:.3f}" for n, v in shown.items()]
        spreads = [f"{n} {shown[n].std(ddof=1):.2f}" for n in ("net", "gross")]
        print(f"{mode}: {', '.join(means)}; spread {', '.join(spreads)}")


if __name__ == "__main__":
    main(sys.argv[1])
