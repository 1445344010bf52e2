"""A figure that rounds to nothing is written without a sign, on every page and in every message."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from clm_api.base import Rounded, StatusModel
from clm_api.promotion import Criteria, CriterionVerdict, Verdict, sharpe_below_minimum
from clm_api.schedule_status import LiveStatus
from clm_cli import answer, diff, listing, screen
from clm_trainer.tearsheet import plots, results, words
from clm_trainer.tearsheet.formats import number, percent, price

TINY = -0.0000004


class Kept(StatusModel):
    """A resource with one figure."""

    figure: Rounded


def judged(value: float) -> str:
    return sharpe_below_minimum({"sharpe": value}, {}, Criteria(min_sharpe=0.0)).message


def live(value: float) -> str:
    return screen._live(LiveStatus.model_construct(
        to=datetime(2026, 1, 1, tzinfo=UTC), bars=1, trades=1, total_return=value,
        max_drawdown=value, sharpe=value,
    ))  # fmt: skip


def criterion(value: float) -> str:
    row = CriterionVerdict(name="sharpe", value=value, threshold=value, operator="≥",
                           verdict=Verdict.PASSED, message="")  # fmt: skip
    return str(screen._criterion(row))


WRITERS: dict[str, tuple[Callable[[float], str], float]] = {
    "a share on the page": (percent, TINY),
    "a share with two digits on the page": (lambda v: percent(v, 2), TINY),
    "a number on the page": (number, TINY),
    "a number with a unit on the page": (lambda v: number(v, 1, " bp"), TINY),
    "a price on the page": (price, -0.0),
    "basis points on the page": (results._bp, TINY),
    "a share on an axis": (plots.tick, -0.0),
    **{f"{name} on the page": (partial(words.value, name), TINY) for name in words.METRICS},
    "a verdict's message": (judged, -0.0),
    "a figure in a resource": (lambda v: Kept(figure=v).model_dump_json(), TINY),
    "a figure of clm diff": (diff._shown, -0.0),
    "a figure of clm simulate": (answer._number, TINY),
    "returns of clm simulate": (
        lambda v: answer._figures({"totalReturn": v, "maxDrawdown": v}), TINY
    ),
    "production of clm status": (live, TINY),
    "a criterion of clm status": (criterion, -0.0),
    **{
        f"{title} of clm list": (form.format, TINY)
        for title, form in listing._METRICS.values() if form != "{}"
    },
}  # fmt: skip
"""Who writes a figure, and one that it rounds to nothing."""


@pytest.mark.parametrize("name", WRITERS)
def test_what_rounds_to_nothing_has_no_sign(name: str) -> None:
    write, tiny = WRITERS[name]
    assert write(tiny).replace("+", "") == write(0.0).replace("+", "")
    assert not {"-", "−"} & set(write(tiny))


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (percent, -0.0004, "0.0 %"),
        (percent, -0.0006, "−0.1 %"),
        (number, -1234.5, "−1 234.50"),
        (price, -0.5, "-0.5"),
        (plots.tick, -0.05, "−5 %"),
        (plots.tick, -0.0015, "−0.15 %"),
        (answer._number, -0.006, "-0.01"),
        (lambda v: words.value("breakEvenBps", v), -1.26, "−1.3 bp"),
    ],
)
def test_a_loss_keeps_its_sign(write: Callable[[float], str], value: float, text: str) -> None:
    assert write(value) == text


def test_two_break_even_costs_that_differ_are_written_differently() -> None:
    verdict = CriterionVerdict(name="breakEvenBps", value=9.996, threshold=10.0, operator="≥",
                               verdict=Verdict.FAILED, message="")  # fmt: skip
    assert (words.reached(verdict), words.threshold(verdict)) == ("9.996 bp", "at least 10.000 bp")
