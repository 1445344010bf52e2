"""How numbers and times are written on the page; what rounds to nothing has no sign."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

DASH = "–"


def percent(value: float | None, digits: int = 1) -> str:
    """Write a fraction as per cent, with a sign that lines up."""
    return DASH if value is None else f"{value * 100:z.{digits}f} %".replace("-", "−")


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Write a number with a fixed count of digits, and its unit."""
    if value is None:
        return DASH
    return f"{value:z,.{digits}f}{unit}".replace("-", "−").replace(",", " ")


def price(value: float) -> str:
    """Write a price with five significant digits at least."""
    return f"{value:z,.2f}".replace(",", " ") if abs(value) >= 100 else f"{value:z.5g}"


def moment(value: datetime) -> str:
    """Write a UTC time without seconds."""
    return value.strftime("%Y-%m-%d %H:%M")


def day(value: datetime) -> str:
    """Write a UTC date."""
    return value.strftime("%Y-%m-%d")


def tint(value: float | None) -> str:
    """Return the CSS class that colours a return."""
    if value is None or value == 0:
        return ""
    return "win" if value > 0 else "loss"


FILTERS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (percent, number, price, moment, day, tint)
}
