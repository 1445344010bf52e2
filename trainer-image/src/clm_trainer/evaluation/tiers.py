"""Accounting that Python interprets while there is little of it, and numba compiles beyond that.

To load numba takes 0.6 s of CPU, to compile the accounting 2 s more where no cache is kept; a bar
takes the interpreter about a microsecond. A process that has loaded numba for something else gets
the compiled form at once: an image brings its cache. Both do the same operations on the same 64-bit
numbers, so no result depends on which of them ran.
"""

import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
ENOUGH = 1_000_000
"""Bars of all symbols that a process has accounted for before it compiles."""


class Tiered(Generic[P, R]):
    """A function that numba can compile; interpreted until it is worth to load numba for it.

    Compiled functions that call it call its compiled form.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.interpreted, self.done = function, 0

    @cached_property
    def compiled(self) -> Callable[P, R]:
        """The function as machine code, from numba's cache if it is there."""
        from numba import njit

        made: Callable[P, R] = njit(cache=True)(self.interpreted)
        return made

    @property
    def _numba_type_(self) -> Any:
        """What numba asks a global for."""
        return self.compiled._numba_type_  # type: ignore[attr-defined]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Interpret it: a function that is interpreted calls it."""
        return self.interpreted(*args, **kwargs)

    def on(self, bars: int) -> Callable[P, R]:
        """Return the form in which so many bars more are to be done."""
        self.done += bars
        worth = self.done >= ENOUGH or numba_is_loaded()
        return self.compiled if worth else self.interpreted


def numba_is_loaded() -> bool:
    """Whether this process has paid for numba already."""
    return "numba" in sys.modules
