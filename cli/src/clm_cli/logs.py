"""``clm logs``: what a run's pod says, as a person reads it or as it was written."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

import typer

from clm_api.layout import run_address
from clm_api.model_version import TERMINAL, Phase
from clm_cli.cluster import Cluster, ClusterError, LogCutError, NotFoundError, VersionView
from clm_cli.loglines import readable
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, errors, fail, harmless, waiting
from clm_cli.pods import PodView
from clm_cli.stores import open_store

POLL_S = 1.0
Show = Callable[[str], None]


def logs(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TS|MV",
            help="Name of a TrainingSchedule, for its newest run, or of a ModelVersion.",
        ),
    ],
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
) -> None:
    """Print the log of a run's newest pod.

    Once the pod is gone, the log is read from the store: S3 credentials and endpoint in the usual
    AWS_ variables. With -f it waits for the pod to start, goes on with the pod that takes its
    place, and ends with the run, with exit code 0 only if that succeeds; interrupting it doesn't
    stop the run. Times are in your zone; -o json prints the lines as the pod wrote them.

    Plain kubectl: kubectl logs -f job/MV; kubectl get mv -l clm.dev/schedule=TS names the runs
    """
    cluster = Cluster(namespace)
    version = _newest_run(cluster, name)
    show = _as_written if output is Output.JSON else _for_people
    if not follow:
        _print(cluster, version, show)
        return
    ended = _Follower(cluster, version.name, show).follow()
    status = ended.status
    if status.phase is not Phase.SUCCEEDED:
        fail(f"{ended.name}: {status.reason}: {status.message}")
        raise typer.Exit(1)
    _tell(f"{ended.name}: {status.stage}: {status.message or status.reason}")


def _newest_run(cluster: Cluster, name: str) -> VersionView:
    """Return the run that was started last, or the one of that name."""
    if found := cluster.versions(name):
        return max(found, key=lambda v: (v.raw["metadata"]["creationTimestamp"], v.spec.slot))
    try:
        return cluster.version(name)
    except NotFoundError:
        pass
    try:
        cluster.schedule(name)
    except NotFoundError as error:
        raise ClusterError(
            f"namespace {cluster.namespace}: no TrainingSchedule and no ModelVersion is named "
            f'"{name}"; "clm list" names the versions'
        ) from error
    raise ClusterError(f'{name} has no run yet; "clm run {name}" starts one')


def _print(cluster: Cluster, version: VersionView, show: Show) -> None:
    pods = cluster.pods(version.name)
    if not pods:
        _print_stored(version, show)
        return
    pod = pods[-1]
    if not pod.started:
        raise ClusterError(f"{_not_started(pod)}; -f waits for it")
    try:
        for line in cluster.log(pod, follow=False):
            show(line)
    except NotFoundError:
        _print_stored(cluster.version(version.name), show)


def _print_stored(version: VersionView, show: Show) -> None:
    """Show the log that the newest pod left in the store.

    Raises
    ------
    ClusterError
        There is none, or nothing says where.
    """
    status = version.status
    place = status.run_uri or (status.artifact.uri if status.artifact else None)
    if place is None or status.pod_uid is None or status.phase not in TERMINAL:
        raise ClusterError(_no_pod(version))
    found = run_address(place)
    if found is None:
        raise ClusterError(f"{_no_pod(version)}; {place} is no address of a run")
    path, store = found.run.log(status.pod_uid), open_store(found.root)
    content = store.get(path)
    if content is None:
        raise ClusterError(f"{_no_pod(version)}; the store holds no {path}")
    _tell(f"the pod of {version.name} is gone; its log is from {store.address(path)}")
    for line in content.decode(errors="replace").splitlines():
        show(line)


@dataclass
class _Follower:
    """Reads a run's pods one after the other, each line once, however often it has to look again.

    A pod is over when all was read after it had ended: a connection may break earlier, and tells
    nobody why.
    """

    cluster: Cluster
    version: str
    show: Show
    shown: dict[str, int] = field(default_factory=dict)
    """Lines, by the uid of every pod that has a log."""
    over: set[str] = field(default_factory=set)
    """uids of the pods of which nothing more comes."""

    def follow(self) -> VersionView:
        """Show what comes until the run has ended; return the ended run.

        Raises
        ------
        ClusterError
            It had ended, and no pod had a log any more.
        """
        self.over.update(pod.uid for pod in self.cluster.pods(self.version)[:-1])
        while True:
            version, pod = self._next()
            if pod is None:
                if not self.shown:
                    _print_stored(version, self.show)
                return version
            if self._read(pod):
                self.over.add(pod.uid)
            else:
                time.sleep(POLL_S)

    def _next(self) -> tuple[VersionView, PodView | None]:
        """Wait for a pod that has something to say, or for the end of the run."""
        with waiting() as say:
            while True:
                version = self.cluster.version(self.version)
                pods = [p for p in self.cluster.pods(self.version) if p.uid not in self.over]
                pod = next((p for p in pods if p.started), None)
                if pod is not None or version.status.phase in TERMINAL:
                    return version, pod
                say(_waited_for(version, [p for p in pods if not p.ended]))
                time.sleep(POLL_S)

    def _read(self, pod: PodView) -> bool:
        """Show what is new in a pod's log; return whether that was all."""
        known = self.shown.get(pod.uid, 0)
        try:
            lines = self.cluster.log(pod, follow=not pod.ended)
            for number, line in enumerate(islice(lines, known, None), known + 1):
                if pod.uid not in self.shown:
                    _tell(f"the log of pod {pod.name}")
                self.show(line)
                self.shown[pod.uid] = number
        except NotFoundError:
            return True
        except LogCutError:
            return False
        self.shown.setdefault(pod.uid, 0)
        return pod.ended


def _waited_for(version: VersionView, pods: list[PodView]) -> str:
    if pods:
        return _not_started(pods[0])
    status = version.status
    because = f": {status.message}" if status.message else ""
    return f"{version.name}  {status.phase}  {status.reason}{because}"


def _not_started(pod: PodView) -> str:
    because = f": {pod.complaint}" if pod.complaint else ""
    return f"pod {pod.name} has not started{because}"


def _no_pod(version: VersionView) -> str:
    name, status = version.name, version.status
    why = f"{status.reason}: {status.message}" if status.message else status.reason
    match status.phase:
        case Phase.PENDING:
            return f"{name} has no pod yet ({why or 'the operator has not looked at it'}); -f waits"
        case Phase.RUNNING:
            return f"the pod of {name} is gone; -f waits for the one that takes its place"
        case Phase.SUCCEEDED:
            report = f'; its report: {status.report_uri} ("clm report {name} --open" shows it)'
            return f"the pod of {name} is gone with its log; it ended as {status.stage}{report}"
        case Phase.FAILED:
            return f"the pod of {name} is gone with its log; the run failed: {why}"


def _for_people(line: str) -> None:
    console.print(readable(line), soft_wrap=True)


def _as_written(line: str) -> None:
    print(harmless(line) if console.is_terminal else line, flush=True)


def _tell(text: str) -> None:
    errors.print(text, markup=False, highlight=False, soft_wrap=True)
