"""``clm simulate --cluster``: a Simulation made, followed to its end, and its answer."""

import json
import time

import typer
import yaml
from rich.console import Group

from clm_api.errors import ClmError
from clm_api.model_version import TERMINAL, Phase
from clm_api.reasons import Reason
from clm_cli import answer
from clm_cli.cluster import Cluster, SimulationView
from clm_cli.judged_files import file_of
from clm_cli.output import (
    DocumentOutput,
    console,
    errors,
    print_document,
    show,
    warn,
)
from clm_cli.server import AwayError, ClusterError, NotFoundError
from clm_cli.simulation_manifest import Wanted, refuse_other
from clm_cli.simulation_progress import progress
from clm_cli.tables import table_of

POLL_S = 2.0
PATIENCE_S = 60.0
_INTERRUPTED = 130


def on_cluster(
    cluster: Cluster, wish: Wanted, store: str | None, output: DocumentOutput, *, follow: bool
) -> None:
    """Make the simulation unless it is there, follow it if that is asked for, print it.

    Raises
    ------
    ClusterError
        One of that name is there and is another one, or it was deleted meanwhile.
    ClmError
        It failed.
    """
    begun = _made(cluster, wish)
    if not follow:
        if output is DocumentOutput.TEXT:
            _say(f"{begun.name}: {_how_to_look(cluster, begun.name)}")
        else:
            _print(begun, output)
        return
    try:
        ended = _followed(cluster, begun)
    except KeyboardInterrupt:
        errors.print()
        errors.print(
            f"{begun.name} goes on: {_how_to_look(cluster, begun.name)}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        raise typer.Exit(_INTERRUPTED) from None
    if output is not DocumentOutput.TEXT:
        _print(ended, output)
    status = ended.status
    if status.phase is not Phase.SUCCEEDED:
        raise _failure(ended)
    if output is DocumentOutput.TEXT:
        _print_answer(ended, store)


def _made(cluster: Cluster, wish: Wanted) -> SimulationView:
    try:
        there = cluster.simulation(wish.name)
    except NotFoundError:
        cluster.create(wish.raw)
        errors.print(f"made Simulation {wish.name}", highlight=False, soft_wrap=True)
        return cluster.simulation(wish.name)
    refuse_other(there, wish)
    errors.print(f"Simulation {wish.name} is there", highlight=False, soft_wrap=True)
    return there


def _how_to_look(cluster: Cluster, name: str) -> str:
    place = f"-n {cluster.namespace}"
    return (
        f'look with "kubectl get sim {name} {place} -w", follow it by the same command with -f, '
        f'end it with "kubectl delete sim {name} {place}"'
    )


def _followed(cluster: Cluster, begun: SimulationView) -> SimulationView:
    """Wait for the end, through broken connections.

    Raises
    ------
    ClusterError
        It was deleted.
    """
    uid, started, warned, away = begun.raw["metadata"]["uid"], time.monotonic(), False, False
    with progress(errors) as tell:
        while True:
            try:
                view = cluster.simulation(begun.name)
            except AwayError as error:
                if not away:
                    warn(f"{error}; the simulation goes on, and so does this command")
                away = True
            except NotFoundError as error:
                raise _deleted(begun.name) from error
            else:
                away = False
                if view.raw["metadata"]["uid"] != uid:
                    raise _deleted(begun.name)
                tell(view)
                if view.status.phase in TERMINAL:
                    return view
                unseen = view.status.observed_generation < 0
                if unseen and not warned and time.monotonic() - started > PATIENCE_S:
                    warned = True
                    warn(
                        "the operator has not seen it for a minute: does it run? "
                        'See "kubectl get pods -A -l app.kubernetes.io/name=clm"'
                    )
            time.sleep(POLL_S)


def _deleted(name: str) -> ClusterError:
    return ClusterError(f"Simulation {name} was deleted before it ended")


def _failure(view: SimulationView) -> Exception:
    status = view.status
    try:
        return ClmError(Reason(status.reason), f"{view.name}: {status.message}")
    except ValueError:  # of another version of the operator
        return ClusterError(f"{view.name}: {status.reason}: {status.message}")


def _print(view: SimulationView, output: DocumentOutput) -> None:
    if output is DocumentOutput.YAML:
        console.print(
            yaml.safe_dump(view.raw, sort_keys=False, allow_unicode=False),
            markup=False, highlight=False, soft_wrap=True, end="",
        )  # fmt: skip
    else:
        print_document(view.raw)


def _print_answer(view: SimulationView, store: str | None) -> None:
    status = view.status
    if store is not None:
        for variant in status.variants:
            name = view.name if len(status.variants) == 1 else variant.name
            facts = json.loads(file_of(view, f"variants/{variant.name}/simulation.json", store))
            for line in answer.full(name, facts):
                _say(line)
    if len(status.variants) > 1:
        rows = map(answer.row, status.variants)
        show(Group(table_of(answer.COLUMNS, rows, expendable=answer.EXPENDABLE)))
        lines = answer.chosen(status)
    elif store is None and view.spec is not None and status.variants:
        lines = answer.short(view.name, view.spec, status)
    else:
        lines = []
    for line in (*lines, *filter(None, [status.report_uri])):
        _say(line)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
