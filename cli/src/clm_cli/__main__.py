"""``clm``, also installed as ``kubectl clm``: one file per command group.

Only the command that is called is imported: its file, and what that needs.
"""

import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Annotated

import typer

from clm_api.errors import ClmError
from clm_cli.output import fail
from clm_cli.server import ClusterError

COMMANDS = {
    "status": "status:status",
    "list": "listing:list_",
    "run": "run:run",
    "logs": "logs:logs",
    "dashboard": "dashboard.command:dashboard",
    "promote": "moves:promote",
    "rollback": "moves:rollback",
    "halt": "moves:halt",
    "history": "history:history",
    "signals": "signals:signals",
    "diff": "diff:diff",
    "report": "report:report",
    "suspend": "suspend:suspend",
    "resume": "suspend:resume",
    "backup": "backup:backup",
    "restore": "restore:restore",
    "validate": "validate:validate",
    "verify": "verify:verify",
    "simulate": "simulate:simulate",
    "predict": "predict:predict",
    "local": "local:app",
    "data": "data:app",
}
"""Where each command or group of commands stands."""


def command_line(names: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line with these commands."""
    app = typer.Typer(
        name="clm",
        help="Trading models kept fresh on Kubernetes.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"clm_cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _print_version(asked: bool) -> None:  # noqa: FBT001 - called by the option's parser
    if asked:
        print(f"clm {metadata.version('clm-cli')}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Trading models kept fresh on Kubernetes."""


def main() -> None:
    """Run the command line; a known error is one sentence and its exit code."""
    called = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        command_line(called or tuple(COMMANDS))()
    except ClmError as error:
        fail(f"{error.reason}: {error.message}")
        sys.exit(error.exit_code)
    except ClusterError as error:
        fail(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
