"""One side of ``bench.decisions``: it runs the code of the checkout that its path names first."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.modules["sklearn"] = None  # type: ignore[assignment]  # an image has none; XGBoost would load it

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from clm_api.resolve import resolve  # noqa: E402
from clm_api.run import RunSpec, RunTrials  # noqa: E402
from clm_api.training_schedule import TrainingScheduleSpec  # noqa: E402
from clm_trainer.evaluation.positions import PercentileMap  # noqa: E402
from clm_trainer.families import registry  # noqa: E402
from clm_trainer.panel import Panel  # noqa: E402
from clm_trainer.serving.model import ServedModel  # noqa: E402

UPDATES, PARITY_BARS, LEARNED_DAYS = 50, 720, 60
END = pd.Timestamp("2026-01-01", tz="UTC")
Frames = dict[str, pd.DataFrame]


def main(step: str, task: str, spec: RunSpec, days: int, folder: Path) -> dict[str, float]:
    """Do one step of a task: what is prepared does not count."""
    if step == "prepare":
        prepare(task, spec, days, folder)
        return {}
    names = tuple(json.loads((folder / "names.json").read_text()))
    until = pd.Timestamp(json.loads((folder / "until.json").read_text()))
    model = ServedModel(
        spec, END - pd.Timedelta(days=days), until, registry.create(spec).load(folder, names),
        PercentileMap.load(folder / "ranks.json"),
    )  # fmt: skip
    return parity(model, days) if task == "parity" else decision(model, days, folder)


def prepare(task: str, spec: RunSpec, days: int, folder: Path) -> None:
    """Fit a model, and take the history."""
    from clm_trainer import targets
    from clm_trainer.evaluation.splits import Span
    from clm_trainer.families.base import FitContext
    from clm_trainer.stages.features import dataset
    from clm_trainer.stages.train import fit_span

    whole = panel_of(spec, days)
    later = PARITY_BARS if task == "parity" else UPDATES
    known = whole.window(0, len(whole) - later)
    newest = known.window(len(known) - round(LEARNED_DAYS * known.bars_per_day), len(known))
    rows, last = dataset(newest, targets.create(spec)), len(newest)
    context = FitContext(7, "cpu", 1, lambda _done, _line: None, lambda: False)
    tail = round(14 * known.bars_per_day)
    span = Span((0, last - tail - 100), (last - tail, last), (last, last))
    fitted, ranks, _ = fit_span(registry.create(spec), rows, span, context)
    fitted.save(folder)
    ranks.save(folder / "ranks.json")
    (folder / "names.json").write_text(json.dumps(rows.names))
    (folder / "until.json").write_text(json.dumps(known.times[-1].isoformat()))
    model: Any = ServedModel(spec, known.times[0], known.times[-1], fitted, ranks)
    if hasattr(model, "live_on"):
        (folder / "state.json").write_bytes(model.live_on(known).save())


def decision(model: Any, days: int, folder: Path) -> dict[str, float]:
    """Return the CPU time of a decision on one bar more, the median; and the largest memory."""
    taken = []
    if hasattr(model, "live"):
        live = model.live_from((folder / "state.json").read_bytes())
        newest = frames_of(panel_of(model.spec, 1 + UPDATES * 5 / 1440))
        bars = [{n: f.iloc[-UPDATES + i :][:1] for n, f in newest.items()} for i in range(UPDATES)]
        for one in bars:
            start = time.process_time()
            live.update(shifted(one, live))
            taken.append(time.process_time() - start)
    else:
        whole = frames_of(panel_of(model.spec, days))
        for bars_left in (UPDATES - 1, UPDATES - 2):
            known = {name: frame.iloc[:-bars_left] for name, frame in whole.items()}
            start = time.process_time()
            model.position(known)
            taken.append(time.process_time() - start)
    return {"milliseconds": round(1e3 * float(np.median(taken[1:])), 2), "megabytes": peak()}


def shifted(bars: Frames, live: Any) -> Frames:
    """Return bars as those after the newest that was seen."""
    time_ = live.time + live.model.timeframe
    return {name: frame.assign(timestamp=time_) for name, frame in bars.items()}


def parity(model: Any, days: int) -> dict[str, float]:
    """Return the CPU time of replaying every bar."""
    from clm_trainer.monitoring.parity import replay_parity

    panel = panel_of(model.spec, days)
    targets = model.decide(panel).targets[-PARITY_BARS:]
    start = time.process_time()
    found = replay_parity(model, panel, targets, lambda: None)
    spent = time.process_time() - start
    if found.mismatch:
        raise RuntimeError(f"positions differ by {found.mismatch}")
    return {"cpuSeconds": round(spent, 2), "bars": found.bars, "megabytes": peak()}


def panel_of(spec: RunSpec, days: float) -> Panel:
    """Return the newest days of seeded bars: random walks without holes, that end at ``END``."""
    step = pd.Timedelta(spec.data.timeframe)
    times = pd.date_range(end=END, periods=round(days * pd.Timedelta("1D") / step), freq=step)
    shape = (len(times), len(spec.data.symbols))
    random = np.random.default_rng(1)
    move = 0.01 * np.sqrt(step / pd.Timedelta("1D"))
    close = 100 * np.exp(np.cumsum(move * random.normal(size=shape), axis=0))
    open_ = np.concatenate([np.full((1, shape[1]), 100.0), close[:-1]])
    high = np.maximum(open_, close) * (1 + np.abs(random.normal(0, 3e-4, shape)))
    low = np.minimum(open_, close) * (1 - np.abs(random.normal(0, 3e-4, shape)))
    volume, none = random.lognormal(3, 1, shape), np.zeros(shape, dtype=np.bool_)
    return Panel(
        times.as_unit("us"), tuple(spec.data.symbols), step, open_, high, low, close, volume, none
    )


def frames_of(panel: Panel) -> Frames:
    """Return bars as a bot hands them over."""
    names = ("open", "high", "low", "close", "volume")
    return {
        symbol: pd.DataFrame(
            {"timestamp": panel.times} | {name: getattr(panel, name)[:, i] for name in names}
        )
        for i, symbol in enumerate(panel.symbols)
    }


def spec_of(symbols: int, timeframe: str) -> RunSpec:
    """Return what a run of xgboost with the defaults is told."""
    schedule = TrainingScheduleSpec.model_validate(
        {
            "interval": "6h",
            "model": {"family": "xgboost"},
            "data": {"symbols": [f"S{i}/USDT" for i in range(symbols)], "timeframe": timeframe},
        }
    )
    pod = {"image": "clm-trainer:bench", "gpu": {"count": 0}, "resources": {}}
    return resolve(schedule, slot=END.to_pydatetime(), trials=RunTrials(), pod_defaults=pod)


def peak() -> float:
    """Return the process's largest memory, in MB (10⁶ bytes)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    told = spec_of(int(sys.argv[3]), sys.argv[4])
    print(json.dumps(main(sys.argv[1], sys.argv[2], told, int(sys.argv[5]), Path(sys.argv[6]))))
