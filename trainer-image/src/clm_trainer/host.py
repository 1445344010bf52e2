"""What the process around a run or a replay gives it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from clm_trainer.sources.asked import Asked
from clm_trainer.storage import Storage


@dataclass(frozen=True)
class Host:
    """A pod, or a command on somebody's machine.

    Parameters
    ----------
    store
        Where results are written.
    clock
        Returns the present UTC time.
    should_stop
        True once the process was told to end.
    elsewhere
        Where bars, funding and own trades lie; None where they lie in the same store.
    asked
        Who asks exchanges: this process, unless a container before it did.
    """

    store: Storage
    clock: Callable[[], datetime]
    should_stop: Callable[[], bool]
    elsewhere: Storage | None = None
    asked: Asked = field(default_factory=Asked)

    @property
    def data(self) -> Storage:
        """Where bars, funding and own trades lie."""
        return self.elsewhere or self.store
