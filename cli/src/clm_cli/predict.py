"""``clm predict``: the position of a published model after the newest closed bar."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clm_api import environment
from clm_cli.addresses import manifest_of
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, warn
from clm_cli.stores import require_trainer

if TYPE_CHECKING:
    from clm_trainer.serving.live import Live


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MV|URI",
            help="Name of a ModelVersion, or address of a manifest.json; S3 credentials and "
            "endpoint in the usual AWS_ variables.",
        ),
    ],
    namespace: Namespace = None,
    data_store: Annotated[
        str | None,
        typer.Option(
            envvar=environment.DATA_URL,
            help="Store of the bars, where it is not the run's: with objectStore.sharing "
            "Namespace, STORE/namespaces/NAMESPACE.",
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print each symbol's position after the newest closed bar.

    It is decided by the code that a bot would use. The bars come from the store that holds the
    run; the exchange is asked for newer ones only if the schedule's spec.data.refresh allows it.

    Plain kubectl: none; kubectl get mv NAME -o jsonpath={.status.artifact.uri} prints the address.
    """
    require_trainer()
    uri = manifest_of(model, namespace)
    import pandas as pd

    import clm_trainer
    from clm_trainer.serving.newest import newest_live, store_of
    from clm_trainer.storage import Storage

    served = clm_trainer.load(uri)
    now = pd.Timestamp(datetime.now(UTC))
    bars = Storage(data_store) if data_store else store_of(uri)
    live, note = newest_live(served, bars, now)
    if note:
        warn(note)
    if output is Output.JSON:
        print_document(_document(uri, live))
        return
    for line in _lines(live):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _document(uri: str, live: "Live") -> dict[str, Any]:
    model = live.model
    return {
        "manifest": uri,
        "family": str(model.spec.model.family),
        "trainedUntil": model.trained_until.isoformat(),
        "time": live.time.isoformat(),
        "positions": {
            name: {"position": target, "percentile": _number(live.percentiles[name])}
            for name, target in live.positions.items()
        },
    }


def _lines(live: "Live") -> list[str]:
    model = live.model
    bars = (live.time - model.trained_until) // model.timeframe + 1
    head = (
        f"{model.spec.model.family}  bar {live.time:%Y-%m-%d %H:%M}Z  "
        f"trained until {model.trained_until:%Y-%m-%d %H:%M}Z  bars decided {bars}"
    )
    held, ranks = live.positions, live.percentiles
    return [head, *(_line(name, held[name], ranks[name]) for name in held)]


def _line(name: str, target: float, rank: float) -> str:
    side = "flat" if target == 0 else "long" if target > 0 else "short"
    signal = _number(rank)
    shown = "the bar is missing" if signal is None else f"percentile {signal:.3f}"
    return f"{name:<16} {side:<5} {abs(target):.3f} of its sleeve  {shown}"


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is the bar that is missing
