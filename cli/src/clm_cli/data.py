"""``clm data``: what lies in the store."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from clm_cli.imports import import_
from clm_cli.output import Output, OutputOption, console, print_document
from clm_cli.prune import prune
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

    from clm_trainer.sources.inventory import Stored

_MOMENT = "%Y-%m-%d %H:%M"

app = typer.Typer(help="What lies in the store.", no_args_is_help=True)
app.command("import")(import_)
app.command()(prune)


@app.command("ls")
def list_(store: Store, output: OutputOption = Output.TEXT) -> None:
    """List what is stored: the range of each series, what it lacks, and how old it is.

    Plain kubectl: none; bars and funding lie in the object store, not in the cluster.
    """
    import pandas as pd

    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.inventory import inventory

    found = inventory(BarCache(open_store(store)), pd.Timestamp(datetime.now(UTC)))
    if output is Output.JSON:
        print_document({"series": [_document(one) for one in found]})
        return
    table = Table("EXCHANGE", "MARKET", "SYMBOL", "SERIES", "ROWS", "FROM", "TO", "GAPS", "AGE",
                  box=None)  # fmt: skip
    for one in found:
        gaps = f"{one.missing} in {one.holes}" if one.holes else "none"
        if not one.step:
            gaps = ""
        table.add_row(
            one.exchange, one.market, one.symbol, one.series, str(one.rows),
            f"{one.first:{_MOMENT}}", f"{one.last:{_MOMENT}}", gaps, _age(one.age),
        )  # fmt: skip
    console.print(table)


def _document(one: "Stored") -> dict[str, Any]:
    return {
        "exchange": one.exchange,
        "market": one.market,
        "symbol": one.symbol,
        "series": one.series,
        "rows": one.rows,
        "from": one.first.isoformat(),
        "to": one.last.isoformat(),
        "missing": one.missing,
        "holes": one.holes,
        "ageSeconds": int(one.age.total_seconds()),
    }


def _age(age: "pd.Timedelta") -> str:
    minutes = max(int(age.total_seconds()) // 60, 0)
    return f"{minutes // 1440}d" if minutes >= 2880 else f"{minutes // 60}h{minutes % 60:02}m"
