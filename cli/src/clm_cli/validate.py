"""``clm validate``: what the API server and the operator would say, without either."""

from pathlib import Path
from typing import Annotated

import typer

from clm_api.errors import SpecError
from clm_api.reasons import EXIT_CODES, Reason
from clm_cli.manifests import read
from clm_cli.output import console


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE…", help="Manifest files.")
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A further one, as kubectl takes it.")
    ] = None,
) -> None:
    """Check manifests without a cluster: fields, rules, cron, zone.

    Files are read as kubectl reads them. Exit code 64 if anything is invalid.

    Plain kubectl: kubectl apply --dry-run=server -f FILE
    """
    named = [*(files or ()), *(more or ())]
    if not named:
        raise SpecError("FILE", "name at least one manifest file")
    broken = 0
    for path in named:
        for document in read(path):
            mark = "[red]invalid[/]" if document.faults else "[green]valid[/]"
            console.print(f"{mark}  ", end="")
            console.print(f"{path}: {document.name}", markup=False, highlight=False, soft_wrap=True)
            for key in document.twice:
                note = f"  {key} stands there twice; kubectl takes the last one"
                console.print(note, markup=False, highlight=False, soft_wrap=True)
            for fault in document.faults:
                console.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
            broken += bool(document.faults)
    if broken:
        raise typer.Exit(EXIT_CODES[Reason.SPEC_INVALID])
