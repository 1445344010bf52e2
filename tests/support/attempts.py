"""Attempts to be verified: a real run's, or those of backtests; and how to tamper with them."""

import hashlib
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic.alias_generators import to_camel

from clm_api.layout import MANIFEST
from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest, metrics
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.costs import cost_figures
from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.evaluation.scores import score_of
from clm_trainer.outcome import as_json, as_parquet
from clm_trainer.panel import Floats, Panel
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import LAYOUT, import_bars, run_here, small_run

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@cache
def published_run(session: Path) -> Path:
    """The folder of a real run's manifest; made once in a session's folder, to be copied."""
    folder = session / "published"
    folder.mkdir()
    store = Storage(str(folder / "store"))
    import_bars(store, folder)
    run_here(store, small_run())
    return folder / "store" / LAYOUT.prefix


def rewrite(run: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file of a published run and sign it anew: only its numbers can betray it."""
    manifest = json.loads((run / MANIFEST).read_text())
    entry = next(file for file in manifest["files"] if file["path"].endswith(f"/{name}"))
    path = run / entry["path"]
    content = change(path.read_bytes())
    path.write_bytes(content)
    entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (run / MANIFEST).write_text(json.dumps(manifest))


def change_frame(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[bytes], bytes]:
    """Make a change of a frame one of its file."""
    return lambda content: as_parquet(change(pd.read_parquet(io.BytesIO(content))))


def change_json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Make a change of a JSON value one of its file."""
    return lambda content: as_json(change(json.loads(content)))


def files_of(play: Play, *, trials: RunTrials | None = None, folds: int = 1) -> dict[str, bytes]:
    """The files that a run with these positions leaves, its numbers by the trainer's own code."""
    panel, tried = play.window, trials or RunTrials()
    result = backtest.run(play)
    scores = score_of(result, tried)
    edges = [k * len(panel) // folds for k in range(folds + 1)]

    def costs(rows: slice) -> dict[str, Any]:
        return vars(cost_figures(result, rows))

    shape = {"srPerBar": scores.sr_per_bar, "skew": scores.skew, "kurtosis": scores.kurtosis}
    report = {
        "schemaVersion": 1,
        "metrics": scores.metrics,
        "undefined": scores.undefined,
        "bars": scores.bars,
        "trainedUntil": panel.times[-1].strftime(FORMAT),
        **{name: value for name, value in shape.items() if value is not None},
    }
    files = {
        "run.json": as_json(_run(tried, folds, result)),
        "predictions.parquet": as_parquet(_predictions(panel, play.targets, edges)),
        "equity.parquet": as_parquet(result.equity),
        "trades.parquet": as_parquet(result.trades),
        "metrics.json": as_json(report),
        "folds.json": as_json([_fold(result, n, edges, costs) for n in range(folds)]),
    }
    if play.funding is not None:
        files["funding.parquet"] = as_parquet(_events(panel, play.funding))
    return files


def _run(trials: RunTrials, folds: int, result: Backtest) -> dict[str, Any]:
    panel = result.play.window
    return {
        "spec": {
            "data": {"symbols": list(panel.symbols), "timeframe": "1h", "market": "usdm"},
            "costs": {"feeBps": result.play.cost_bps, "slippageBps": 0.0},
            "trials": trials.to_json_dict(),
            "target": {"horizonBars": 24},
            "evaluation": {
                "periodDays": len(panel) / panel.bars_per_day,
                "folds": folds, "purgeBars": 0, "embargoBars": 3,
            },
        },
        "data": {"symbols": [{"first": "2023-01-01T00:00:00+00:00"}]},
        "ruined": list(result.ruined),
    }  # fmt: skip


def _predictions(panel: Panel, targets: Floats, edges: list[int]) -> pd.DataFrame:
    bars, symbols = targets.shape
    return pd.DataFrame(
        {
            "time": panel.times.repeat(symbols),
            "symbol": np.tile(np.array(panel.symbols, dtype=object), bars),
            "fold": np.repeat(np.arange(len(edges) - 1), np.diff(edges)).repeat(symbols),
            "open": panel.open.ravel(),
            "close": panel.close.ravel(),
            "gap": panel.gap.ravel(),
            "funding_rate": np.nan,
            "mark_price": np.nan,
            "signal": np.nan,
            "position": targets.ravel(),
        }
    )


def _events(panel: Panel, funding: Funding) -> pd.DataFrame:
    """The funding as single events, up to 29 s beside the minute: opens, and half past each."""
    parts = []
    for due, late in ((funding.at_open, "-29s"), (funding.inside, "30min 29s")):
        rows, columns = np.nonzero(due)
        frame = {
            "time": panel.times[rows] + pd.Timedelta(late),
            "symbol": np.array(panel.symbols, dtype=object)[columns],
            "funding_rate": due[rows, columns] / 50.0,
            "mark_price": 50.0,
        }
        parts.append(pd.DataFrame(frame))
    return pd.concat(parts, ignore_index=True)


def _fold(
    result: Backtest, number: int, edges: list[int], costs: Callable[[slice], dict[str, Any]]
) -> dict[str, Any]:
    panel = result.play.window
    begin, end = edges[number : number + 2]
    block = result.equity["net_return"].to_numpy()[begin:end]
    first, last = panel.times[begin], panel.times[end - 1]
    sharpe = metrics.sharpe_per_bar(block)
    fold = {
        "fold": number,
        "trainFrom": "2023-01-01T00:00:00Z",
        "trainTo": (first - pd.Timedelta(hours=25 + 3 + 1)).strftime(FORMAT),
        "testFrom": first.strftime(FORMAT),
        "testTo": last.strftime(FORMAT),
        "totalReturn": float(np.prod(1 + block) - 1),
        "trades": int(
            result.trades[result.trades["closed"]]["exit_time"].between(first, last).sum()
        ),
    }
    figures = {to_camel(name): value for name, value in costs(slice(begin, end)).items()}
    if sharpe is not None:
        figures["sharpe"] = sharpe * panel.bars_per_year**0.5
    return fold | {name: value for name, value in figures.items() if value is not None}
