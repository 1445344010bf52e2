"""How the commands name and open an object store."""

from typing import TYPE_CHECKING, Annotated

import typer

from clm_cli.server import ClusterError

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

_OPTION = typer.Option(
    "--store",
    help="Folder, file:// or s3://bucket/prefix; S3 credentials and endpoint in the usual AWS_ "
    "variables.",
)
Store = Annotated[str, _OPTION]
OptionalStore = Annotated[str | None, _OPTION]


def open_store(url: str) -> "Storage":
    """Open a store.

    Raises
    ------
    ClusterError
        The trainer isn't installed beside the command line.
    """
    require_trainer()
    from clm_trainer.storage import Storage

    return Storage(url)


def require_trainer() -> None:
    """Say how to install the trainer where it is missing.

    Raises
    ------
    ClusterError
        The trainer isn't installed beside the command line.
    """
    try:
        import clm_trainer.storage  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ClusterError(
            f'this command needs the trainer ({error}): pip install "clm-cli[local]"'
        ) from error
