"""A range covered page by page: what came back says what is still to be asked for.

An answer may hold the oldest or the newest rows of a range, fewer than were asked for, or others
than were asked for. Each answer settles a part of what is left, so there is an end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from clm_trainer.sources.ledger import Span
from clm_trainer.sources.venues import Order

_INSTANT = pd.Timedelta("1ms")
_USUAL_PAUSE = pd.Timedelta("8h")
"""Time between two payments where an answer has only one."""


@dataclass(frozen=True)
class Page:
    """Some rows, and the part of the range of which there are no others.

    Parameters
    ----------
    rows
        With a column ``timestamp`` (UTC), in the order of time.
    covered
        Empty where nothing is settled.
    """

    rows: pd.DataFrame
    covered: Span


def bar_pages(
    span: Span,
    step: pd.Timedelta,
    page: int,
    order: Order,
    ask: Callable[[pd.Timestamp, int, pd.Timestamp | None], pd.DataFrame],
    *,
    ended: bool = False,
) -> Iterator[Page]:
    """Yield the bars of a range.

    Parameters
    ----------
    page
        Bars of an answer at most, as far as is known.
    ask
        Returns the rows for a start, a number of bars, and an end if it is to be told; rows outside
        the range are left out.
    ended
        Whether the end is told from the first request on; else from the first on that is answered
        with later bars than were asked for.
    """
    left = [span]
    while left:
        gap = left.pop()
        bars = min(page, -(-(gap.stop - gap.start) // step))
        # An exchange that counts from the newest bar begins with the one that is still open.
        spare = int(order is not Order.OLDEST and gap.stop == span.stop and bars < page)
        end = gap.start + bars * step if ended else None
        answer = ask(gap.start, bars + spare, end)
        rows = _inside(answer, gap)
        if rows.empty:
            if not answer.empty and order is Order.UNKNOWN and not ended:
                ended = True
                left.append(gap)
                continue
            window = Span(gap.start, min(gap.stop, gap.start + bars * step))
            covered = window if answer.empty else gap
            yield Page(rows, covered)
            left += _parts(Span(covered.stop, gap.stop))
            continue
        first, last = rows["timestamp"].min(), rows["timestamp"].max() + step
        if order is Order.OLDEST:
            first = gap.start
        yield Page(rows, Span(first, last))
        left += _parts(Span(last, gap.stop), Span(gap.start, first))


def event_pages(
    span: Span, page: int, order: Order, ask: Callable[[Span], pd.DataFrame]
) -> Iterator[Page]:
    """Yield the funding payments of a range; how far apart they are is not known.

    Parameters
    ----------
    page
        Payments of an answer at most, as far as is known.
    ask
        Returns the rows of a range; rows outside it are left out.
    """
    left = [span]
    while left:
        gap = left.pop()
        answer = ask(gap)
        rows = _inside(answer, gap)
        if rows.empty:
            # Others than asked for: the exchange may not know this parameter of a range.
            unsure = order is Order.UNKNOWN and not answer.empty
            yield Page(rows, Span(gap.start, gap.start) if unsure else gap)
            continue
        first, last = rows["timestamp"].min(), rows["timestamp"].max() + _INSTANT
        pause = rows["timestamp"].diff().max() if len(rows) > 1 else _USUAL_PAUSE
        full = len(answer) >= page
        before, after = Span(gap.start, first), Span(last, gap.stop)
        again = [
            part
            for part, other in ((after, Order.NEWEST), (before, Order.OLDEST))
            if order is not other and (full or part.stop - part.start > pause)
        ]
        start = first if before in again else gap.start
        yield Page(rows, Span(start, last if after in again else gap.stop))
        left += _parts(*again)


def numbered_pages(span: Span, ask: Callable[[int], pd.DataFrame]) -> Iterator[Page]:
    """Yield the rows of a range from pages that have numbers, the newest page first.

    Pages end with an empty one, with one that reaches the range's start, or with one that is no
    older than the page before it.
    """
    number, edge, before = 1, span.stop, None
    while True:
        answer = ask(number)
        if answer.empty:
            yield Page(answer, Span(span.start, edge))
            return
        first = answer["timestamp"].min()
        if before is not None and first >= before:
            return
        before = first
        reached = min(edge, max(first, span.start))
        yield Page(_inside(answer, span), Span(reached, edge))
        edge = reached
        if first <= span.start:
            return
        number += 1


def _inside(rows: pd.DataFrame, span: Span) -> pd.DataFrame:
    times = rows["timestamp"]
    chosen = rows[(times >= span.start) & (times < span.stop)]
    return chosen.sort_values("timestamp", kind="stable", ignore_index=True)


def _parts(*spans: Span) -> list[Span]:
    return [span for span in spans if span.start < span.stop]
