"""``clm local``: a run without a cluster, by the same code as in a pod."""

import json
import logging
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_api import layout, logs
from clm_api.errors import ClmError
from clm_api.promotion import judge
from clm_api.reasons import Reason
from clm_api.report import Manifest, MetricsFile
from clm_api.resolve import resolve
from clm_api.run import RunData, RunSpec, RunTrials
from clm_api.training_schedule import Refresh
from clm_cli.manifests import schedule_of
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

NAMESPACE = "local"
_POD = {"image": "local", "gpu": {"count": 0}, "resources": {}}
_LOG = logging.getLogger("clm_trainer")

app = typer.Typer(help="Runs without a cluster.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``run`` a command of its own."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="Manifest of one TrainingSchedule.")],
    store: Store,
) -> None:
    """Train and judge once, now, as the schedule's Job would; prints the manifest's address.

    The run's files lie under runs/local/ in the store.

    Plain kubectl: kubectl apply -f FILE; kubectl annotate tsched NAME clm.dev/run-now=TOKEN
    """
    name, spec = schedule_of(file)
    logs.configure(json_lines=False)
    now = datetime.now(UTC)
    resolved = resolve(spec, slot=now, trials=RunTrials(), pod_defaults=_POD)
    objects = open_store(store)
    if resolved.data.refresh is Refresh.NEVER:
        _require_bars(resolved.data, objects, store)
    from clm_trainer import pipeline

    uid = str(uuid.uuid4())
    place = layout.RunLayout(NAMESPACE, name, uid)
    manifest = pipeline.run(
        resolved,
        place,
        uid,
        objects,
        version=f"{name}-local",
        clock=lambda: datetime.now(UTC),
        should_stop=threading.Event().is_set,
        log=_LOG,
    )
    _say_verdict(objects, place, resolved)
    print(f"{store.rstrip('/')}/{manifest}")


def _require_bars(data: RunData, objects: "Storage", store: str) -> None:
    """Say which import is missing before anything else is done."""
    for symbol in data.symbols:
        place = layout.bars_prefix(data.exchange, data.market, symbol, data.timeframe)
        if not objects.list(f"{place}/"):
            raise ClmError(
                Reason.DATA_UNAVAILABLE,
                f"{store} holds no {data.timeframe} bars of {symbol}, and refresh is Never; "
                f"import them with: clm data import FILE --exchange {data.exchange} "
                f"--market {data.market} --symbol {symbol} --timeframe {data.timeframe} "
                f"--store {store}",
            )


def _say_verdict(objects: "Storage", place: layout.RunLayout, spec: RunSpec) -> None:
    """Judge what was published, as the operator does."""
    manifest = Manifest.model_validate(json.loads(objects.get(place.manifest)))
    content = objects.get(f"{place.prefix}/{manifest.file('metrics.json').path}")
    file = MetricsFile.model_validate(json.loads(content))
    judgement = judge(file.metrics, file.undefined, spec.promotion.criteria)
    said = " · ".join(verdict.message for verdict in judgement.verdicts)
    _LOG.info("%s  %s", judgement.stage, said, extra={"stage": "judge"})
