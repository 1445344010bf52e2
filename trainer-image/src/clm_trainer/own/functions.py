"""What a decorated function is: an offer that can still be called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from clm_trainer.own.door import Offer

T = TypeVar("T")
Function = Callable[[Any, Any], Any]


class NoParams(BaseModel):
    """The parameters of what has none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class FunctionOffer(Offer[T]):
    """An offer made of a function; calling it calls the function, as in a notebook."""

    function: Function

    def __call__(self, bars: Any, params: BaseModel | None = None) -> Any:
        """Return what the function makes of bars."""
        return self.function(bars, self.params() if params is None else params)
