"""``clm simulate``: a schedule replayed on history."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from clm_api.errors import SpecError
from clm_api.past import covering_run
from clm_cli import answer
from clm_cli.cluster import Cluster
from clm_cli.local import LOCAL_POD
from clm_cli.manifests import schedule_of
from clm_cli.options import Namespace
from clm_cli.output import DocumentOutput, console, errors
from clm_cli.simulate_cluster import on_cluster
from clm_cli.simulation_manifest import wanted
from clm_cli.stores import OptionalStore, open_store

_DAY = "%Y-%m-%d"


def simulate(
    file: Annotated[
        Path,
        typer.Argument(help="Manifest of one TrainingSchedule, or with --cluster of a Simulation."),
    ],
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=[_DAY], help="First slot, UTC.")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option("--to", formats=[_DAY], help="End, exclusive, UTC.")
    ] = None,
    store: OptionalStore = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("simulations"),
    namespace: Namespace = None,
    parallelism: Annotated[
        int | None, typer.Option(min=1, help="With --cluster: pods at once, over all variants.")
    ] = None,
    output: Annotated[
        DocumentOutput,
        typer.Option("--output", "-o", help="With --cluster: text for people, or the Simulation."),
    ] = DocumentOutput.TEXT,
    *,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Run it on the cluster, as a Simulation.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="With --cluster: show progress and the answer.")
    ] = False,
) -> None:
    """Would this schedule and its gate have made money.

    At each past slot a version is trained on what was known then, and judged. One that passes goes
    into production at its slot and is traded until the next one passes. Interrupted, the same
    command goes on. Here it takes all cores and needs --from, --to and --store.

    With --cluster it is a Simulation, made unless it is there. FILE holds one, or a schedule with
    --from and --to. Interrupting -f doesn't stop it. Exit code 0 only if it succeeds. With --store
    the answer has all lines that the local command prints.

    Plain kubectl: kubectl apply -f FILE; kubectl get sim SIM -w; kubectl delete sim SIM ends it
    """
    start, stop = _day(from_), _day(to)
    if start is not None and stop is not None and start >= stop:
        raise SpecError("--from", f"{start:{_DAY}} is not before --to {stop:{_DAY}}")
    if cluster:
        _on_cluster(file, (start, stop), (namespace, parallelism), store, output, follow=follow)
        return
    asked = {"--follow": follow, "--parallelism": parallelism, "--namespace": namespace}
    asked["--output"] = output is not DocumentOutput.TEXT
    for option in (name for name, value in asked.items() if value):
        raise SpecError(option, "has a meaning with --cluster alone")
    if start is None or stop is None or store is None:
        given = {"--from": start, "--to": stop, "--store": store}
        missing = ", ".join(name for name, value in given.items() if value is None)
        raise SpecError(missing, "is needed for a simulation on this machine; see also --cluster")
    _here(file, start, stop, store, out)


def _day(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _on_cluster(
    file: Path,
    span: tuple[datetime | None, datetime | None],
    place: tuple[str | None, int | None],
    store: str | None,
    output: DocumentOutput,
    *,
    follow: bool,
) -> None:
    namespace, parallelism = place
    wish = wanted(file, *span, parallelism)
    if None not in (namespace, wish.namespace) and namespace != wish.namespace:
        raise SpecError("--namespace", f"{namespace} is not the one of {file}, {wish.namespace}")
    on_cluster(Cluster(namespace or wish.namespace), wish, store, output, follow=follow)


def _here(file: Path, start: datetime, stop: datetime, store: str, out: Path) -> None:
    name, spec = schedule_of(file)
    objects = open_store(store)
    from clm_trainer.simulation.run import Simulator

    run = covering_run(spec, start, stop, LOCAL_POD)
    simulator = Simulator.prepare(spec, run, start, stop, objects, out)
    with progress(errors) as tell:
        simulator.train(tell)
    facts = simulator.finish()
    for line in (*answer.full(name, facts), str(simulator.folder / "simulation.json")):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(out: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many versions are finished: a bar on a terminal, elsewhere a line for each."""
    if not out.is_terminal:
        yield lambda done, all_: out.print(f"{done} of {all_} versions", highlight=False)
        return
    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=out,
    ) as bar:  # fmt: skip
        task = bar.add_task("versions", total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)
