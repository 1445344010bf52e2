"""``clm local``: a run without a cluster, by the same code as in a pod."""

import logging
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_api import layout, logs
from clm_api.promotion import judge
from clm_api.report import Manifest, MetricsFile
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_cli.manifests import schedule_of
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

NAMESPACE = "local"
LOCAL_POD = {"image": "local", "gpu": {"count": 0}, "resources": {}}
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
    resolved = resolve(spec, slot=now, trials=RunTrials(), pod_defaults=LOCAL_POD)
    objects = open_store(store)
    from clm_trainer import pipeline
    from clm_trainer.host import Host

    uid = str(uuid.uuid4())
    place = layout.RunLayout(NAMESPACE, name, uid)
    who = pipeline.Identity(place, f"{name}-local", uid)
    host = Host(objects, lambda: datetime.now(UTC), threading.Event().is_set)
    manifest = pipeline.run(resolved, who, host)
    _say_verdict(objects, place, resolved)
    print(objects.address(manifest))


def _say_verdict(objects: "Storage", place: layout.RunLayout, spec: RunSpec) -> None:
    """Judge what was published, as the operator does."""
    manifest = Manifest.model_validate_json(objects.get(place.manifest) or b"")
    path = manifest.file("metrics.json").path
    file = MetricsFile.model_validate_json(objects.get(place.file(path)) or b"")
    rules = spec.promotion
    judgement = judge(file.metrics, file.undefined, rules.criteria, rules.significance)
    said = " · ".join(verdict.message for verdict in judgement.verdicts)
    _LOG.info("%s  %s", judgement.stage, said, extra={"stage": "judge"})
