"""A range of the account's fills covered by time: ids are names, and only times have an order."""

from collections.abc import Callable, Iterator
from typing import Any

Fills = list[dict[str, Any]]
"""In ccxt's words: timestamp (ms), id, side, price, amount."""


def trade_pages(
    start_ms: int, stop_ms: int, window_ms: int | None, ask: Callable[[int, int], Fills]
) -> Iterator[Fills]:
    """Yield the fills of a range, those of each answer that were not there before.

    An answer may hold the oldest or the newest of what was asked for, and as many as it likes: what
    lies before its first and after its last fill is asked for again until nothing new comes.

    Parameters
    ----------
    window_ms
        Longest range that may be asked for at once; None: any.
    ask
        Returns fills between two times, both inclusive, in any order.
    """
    seen = set[str]()
    deaf = False
    step = window_ms or max(stop_ms - start_ms, 1)
    left = [(since, min(since + step, stop_ms)) for since in range(start_ms, stop_ms, step)][::-1]
    while left:
        since, until = left.pop()
        answer = ask(since, until)
        new = {identity(one): one for one in answer if identity(one) not in seen}
        if not answer:
            continue
        times = [int(one["timestamp"]) for one in answer]
        first, last = min(times), max(times)
        deaf |= first < since or last > until
        if new:
            seen |= new.keys()
            yield sorted(new.values(), key=lambda one: int(one["timestamp"]))
            left += [(last, until)] if last <= until else []
            left += [(since, first)] if first >= since else []
        elif deaf:  # its fills came with those of another range, which says nothing of the rest
            left += [(last, until)] if since < last <= until else []
            left += [(since, first)] if since <= first < until else []


def identity(fill: dict[str, Any]) -> str:
    """Return what tells a fill apart: its id, or all that is known of it where it has none."""
    if fill.get("id") not in {None, ""}:
        return str(fill["id"])
    return ":".join(
        str(fill.get(name)) for name in ("timestamp", "order", "side", "price", "amount")
    )
