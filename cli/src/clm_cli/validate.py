"""``clm validate``: what the API server and the operator would say, without either."""

from pathlib import Path
from typing import Annotated

import typer

from clm_api.reasons import EXIT_CODES, Reason
from clm_cli.manifests import read
from clm_cli.output import console


def validate(
    files: Annotated[
        list[Path], typer.Option("--file", "-f", help="Manifest file; may be given several times.")
    ],
) -> None:
    """Check manifests without a cluster: fields, rules, cron, zone.

    Exit code 64 if anything is invalid.

    Plain kubectl: kubectl apply --dry-run=server -f FILE
    """
    broken = 0
    for path in files:
        for document in read(path):
            mark = "[red]invalid[/]" if document.faults else "[green]valid[/]"
            console.print(f"{mark}  ", end="")
            console.print(f"{path}: {document.name}", markup=False, highlight=False, soft_wrap=True)
            for fault in document.faults:
                console.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
            broken += bool(document.faults)
    if broken:
        raise typer.Exit(EXIT_CODES[Reason.SPEC_INVALID])
