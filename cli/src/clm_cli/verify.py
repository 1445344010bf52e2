"""``clm verify``: can a published run's numbers be trusted."""

from typing import Annotated

import typer

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_cli.addresses import manifest_of
from clm_cli.options import Namespace
from clm_cli.output import console
from clm_cli.stores import require_trainer


def verify(
    run: Annotated[
        str,
        typer.Argument(
            metavar="MV|URI",
            help="Name of a ModelVersion, or address of a manifest.json: a path, file:// or s3://; "
            "S3 credentials and endpoint in the usual AWS_ variables.",
        ),
    ],
    namespace: Namespace = None,
) -> None:
    """Work out a run's numbers again, from its files alone.

    Equity, trades and metrics to 1e-9, by code that shares nothing with what made them. First every
    file is compared with the manifest. Exit code 66, and every value that differs, if the numbers
    don't agree.

    Plain kubectl: none; kubectl get mv NAME -o jsonpath={.status.artifact.uri} prints the address.
    """
    require_trainer()
    uri = manifest_of(run, namespace)
    from clm_trainer import recompute
    from clm_trainer.serving.artifact import open_run

    groups = recompute.verify(open_run(uri))
    for group in groups:
        _say(f"{group.name:<8} {group.checked:<11} largest difference {group.largest:.2g}")
    differences = [one for group in groups for one in group.differences]
    for one in differences:
        _say(f"  {one}")
    if differences:
        raise ClmError(
            Reason.METRICS_REJECTED,
            f"{len(differences)} values don't follow from the files of {uri}: don't trust this run",
        )


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
