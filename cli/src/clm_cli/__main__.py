"""``clm``, also installed as ``kubectl clm``: one file per command group."""

import sys

import typer

from clm_api.errors import ClmError
from clm_cli import data, local
from clm_cli.cluster import ClusterError
from clm_cli.diff import diff
from clm_cli.history import history
from clm_cli.listing import list_
from clm_cli.logs import logs
from clm_cli.moves import promote, rollback
from clm_cli.output import fail
from clm_cli.predict import predict
from clm_cli.report import report
from clm_cli.run import run
from clm_cli.simulate import simulate
from clm_cli.status import status
from clm_cli.suspend import resume, suspend
from clm_cli.validate import validate
from clm_cli.verify import verify

app = typer.Typer(
    name="clm",
    help="Trading models kept fresh on Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(status)
app.command("list")(list_)
app.command()(run)
app.command()(logs)
app.command()(promote)
app.command()(rollback)
app.command()(history)
app.command()(diff)
app.command()(report)
app.command()(suspend)
app.command()(resume)
app.command()(validate)
app.command()(verify)
app.command()(simulate)
app.command()(predict)
app.add_typer(local.app, name="local")
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; a known error is one sentence and its exit code."""
    try:
        app()
    except ClmError as error:
        fail(f"{error.reason}: {error.message}")
        sys.exit(error.exit_code)
    except ClusterError as error:
        fail(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
