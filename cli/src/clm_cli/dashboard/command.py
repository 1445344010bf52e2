"""``clm dashboard``: pages about schedules, versions and simulations, on this machine."""

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from clm_api.errors import ClmError, SpecError
from clm_cli.cluster import Cluster
from clm_cli.options import Namespace
from clm_cli.output import console, errors
from clm_cli.screen import now_utc
from clm_cli.server import ClusterError

if TYPE_CHECKING:
    from clm_cli.dashboard.app import Desk


def dashboard(
    namespace: Namespace = None,
    *,
    all_namespaces: Annotated[
        bool,
        typer.Option("--all-namespaces", "-A", help="Show all namespaces that you may see."),
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of 127.0.0.1; 0: any free one.")
    ] = 0,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the browser, from a terminal.")
    ] = True,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="Folder, file:// or s3://bucket/prefix: shows reports, equity and logs, too; S3 "
            "credentials and endpoint in the usual AWS_ variables.",
        ),
    ] = None,
) -> None:
    """Look at schedules, versions and simulations in the browser, and promote or halt there.

    It serves 127.0.0.1 alone, with your own rights, until it is interrupted. Nothing is installed
    in the cluster. The printed address has a token: whoever has it acts in your name.

    Plain kubectl: kubectl get tsched,mv,sim
    """
    if namespace is not None and all_namespaces:
        raise SpecError("--all-namespaces", "give it or --namespace, not both")
    try:
        from clm_cli.dashboard import serving
        from clm_cli.dashboard.actions import Ledger
        from clm_cli.dashboard.app import Desk, application
        from clm_cli.dashboard.guard import Guard
        from clm_cli.dashboard.objects import Objects
        from clm_cli.dashboard.store_files import StoreFiles
        from clm_cli.dashboard.watching import Watching
    except ImportError as error:
        raise ClusterError(
            f"this command needs more ({error}): pip install 'clm-cli[dashboard]'"
        ) from error
    cluster = Cluster(namespace)
    files = None if store is None else StoreFiles(store, now_utc)
    listener = serving.bound(port)
    desk = Desk(Objects(), now_utc, Ledger(cluster, now_utc), files)
    guard = Guard(application(desk), listener.getsockname()[1])
    place = "" if all_namespaces else cluster.namespace
    watching = Watching(cluster.connection, desk.objects, place, now_utc)
    watching.begin()
    threading.Thread(target=_learn_user, args=(desk, cluster), daemon=True).start()
    console.print(guard.address, soft_wrap=True, highlight=False)
    if sys.stdout.isatty():
        errors.print("Ctrl-C ends it; the address is as secret as a password")
        if open_:
            serving.open_browser(guard.address)
    serving.serve(guard, desk.live, listener)
    watching.end()


def _learn_user(desk: "Desk", cluster: Cluster) -> None:
    """Learn the reader's name; the pages go without it where the API server doesn't say."""
    with suppress(ClmError, ClusterError):
        desk.user = cluster.user()
