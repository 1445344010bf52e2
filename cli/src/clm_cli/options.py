"""Options that many commands have."""

from typing import Annotated

import typer

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace; the kubeconfig's where not given."),
]
