"""What a page is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from clm_cli.dashboard.files import Found, Wanted
from clm_cli.dashboard.world import Key

NOWHERE = Key("", "")


class NotShownError(Exception):
    """There is no such page; the message says what to do."""


@dataclass(frozen=True)
class Query:
    """A page's object and the parameters of its address.

    Parameters
    ----------
    key
        The object that the address names; ``NOWHERE`` on pages of many.
    parameters
        Those of the address, in its order.
    files
        What the store holds of what the page wanted; nothing without ``--store``.
    store
        Whether the reader gave ``--store``.
    """

    path: str = "/"
    key: Key = NOWHERE
    parameters: tuple[tuple[str, str], ...] = ()
    files: Mapping[Wanted, Found] = field(default_factory=dict)
    store: bool = False

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a parameter."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter."""
        return tuple(value for key, value in self.parameters if key == name)

    def address(self, **changes: str) -> str:
        """Return this page's address with other parameters; an empty value leaves one out."""
        kept = [(key, value) for key, value in self.parameters if key not in changes]
        added = [(key, value) for key, value in changes.items() if value]
        text = urlencode(kept + added)
        return f"{self.path}?{text}" if text else self.path
