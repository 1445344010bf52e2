"""Where the commands print; colour is off by itself when the output is piped."""

from rich.console import Console

console = Console()
errors = Console(stderr=True)


def fail(message: str) -> None:
    """Print an error that is already a whole sentence."""
    errors.print("[bold red]error:[/] ", end="")
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
