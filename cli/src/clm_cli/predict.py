"""``clm predict``: the position of a published model after the newest closed bar."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clm_api import environment
from clm_cli.addresses import manifest_of
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document
from clm_cli.stores import require_trainer

if TYPE_CHECKING:
    from clm_trainer.serving.model import Decisions, ServedModel


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
    from clm_trainer.serving.newest import newest_bars, store_of
    from clm_trainer.storage import Storage

    served = clm_trainer.load(uri)
    now = pd.Timestamp(datetime.now(UTC))
    bars = Storage(data_store) if data_store else store_of(uri)
    decided = served.decide(newest_bars(served, bars, now))
    if output is Output.JSON:
        print_document(_document(uri, served, decided))
        return
    for line in _lines(served, decided):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _document(uri: str, served: "ServedModel", decided: "Decisions") -> dict[str, Any]:
    return {
        "manifest": uri,
        "family": str(served.spec.model.family),
        "trainedUntil": served.trained_until.isoformat(),
        "time": decided.times[-1].isoformat(),
        "positions": {
            name: {"position": float(target), "percentile": _number(rank)}
            for name, target, rank in _newest(decided)
        },
    }


def _lines(served: "ServedModel", decided: "Decisions") -> list[str]:
    head = (
        f"{served.spec.model.family}  bar {decided.times[-1]:%Y-%m-%d %H:%M}Z  "
        f"trained until {served.trained_until:%Y-%m-%d %H:%M}Z  bars decided {len(decided.times)}"
    )
    return [head, *(_line(*one) for one in _newest(decided))]


def _line(name: str, target: float, rank: float) -> str:
    side = "flat" if target == 0 else "long" if target > 0 else "short"
    signal = _number(rank)
    shown = "the bar is missing" if signal is None else f"percentile {signal:.3f}"
    return f"{name:<16} {side:<5} {abs(target):.3f} of its sleeve  {shown}"


def _newest(decided: "Decisions") -> list[tuple[str, float, float]]:
    rows = decided.targets[-1].tolist(), decided.percentiles[-1].tolist()
    return list(zip(decided.symbols, *rows, strict=True))


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is the bar that is missing
