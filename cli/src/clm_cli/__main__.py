"""``clm``, also installed as ``kubectl clm``: one file per command group."""

import sys

import click
import typer
from clm_api.errors import ClmError

from clm_cli import data, local
from clm_cli.cluster import ClusterError
from clm_cli.output import fail
from clm_cli.run import run
from clm_cli.status import status
from clm_cli.validate import validate

app = typer.Typer(
    name="clm",
    help="Trading models kept fresh on Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(status)
app.command()(run)
app.command()(validate)
app.add_typer(local.app, name="local")
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; a known error is one sentence and its exit code."""
    sys.exit(run_with(sys.argv[1:]))


def run_with(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        fail("interrupted")
        return 130
    except ClmError as error:
        fail(f"{error.reason}: {error.message}")
        return error.exit_code
    except ClusterError as error:
        fail(str(error))
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
