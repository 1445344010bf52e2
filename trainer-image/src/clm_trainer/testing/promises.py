"""What is promised, one sentence each, and how a broken promise is told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from clm_api.errors import ClmError

S = TypeVar("S")


class BrokenError(Exception):
    """A promise is broken; the message says what was found."""


@dataclass(frozen=True)
class Promise(Generic[S]):
    """One thing that own code must do.

    Parameters
    ----------
    sentence
        What it is; tests have it as their id.
    look
        Raises ``BrokenError`` where it is not so.
    mend
        What to do then.
    """

    sentence: str
    look: Callable[[S], None]
    mend: str


class PromisesBrokenError(AssertionError):
    """Own code breaks promises; the message names each, says what was found and how to mend it.

    Parameters
    ----------
    broken
        The promises, in the order in which they were looked at.
    """

    def __init__(self, name: str, broken: Sequence[tuple[Promise[Any], str]]) -> None:
        lines = [f"{name} breaks {len(broken)} of its promises:"]
        for promise, found in broken:
            lines += [f"- {promise.sentence}", f"  found: {found}", f"  mend:  {promise.mend}"]
        super().__init__("\n".join(lines))
        self.broken = tuple(promise.sentence for promise, _ in broken)


def look_at(name: str, subject: S, promises: Iterable[Promise[S]]) -> None:
    """Look at every promise.

    Raises
    ------
    PromisesBrokenError
        Some are broken. An error that own code raises breaks the promise that was looked at.
    """
    broken: list[tuple[Promise[Any], str]] = []
    cause: Exception | None = None
    for promise in promises:
        try:
            promise.look(subject)
        except BrokenError as error:
            broken.append((promise, str(error)))
        except ClmError as error:
            broken.append((promise, f"{error.reason}: {error.message}"))
            cause = cause or error
        except Exception as error:  # noqa: BLE001 - own code may raise anything; it is told
            broken.append((promise, f"it raises {type(error).__name__}: {error}"))
            cause = cause or error
    if broken:
        raise PromisesBrokenError(name, broken) from cause


def chosen(promises: Sequence[Promise[S]], only: Iterable[str] | None) -> Sequence[Promise[S]]:
    """Return the promises of these sentences; all of them without any.

    Raises
    ------
    ValueError
        A sentence is none of theirs.
    """
    if only is None:
        return promises
    by_sentence = {promise.sentence: promise for promise in promises}
    wanted = list(only)
    unknown = [sentence for sentence in wanted if sentence not in by_sentence]
    if unknown:
        raise ValueError(f'there is no promise "{unknown[0]}": there are {", ".join(by_sentence)}')
    return [by_sentence[sentence] for sentence in wanted]


def require(kept: Any, found: str) -> None:
    """Raise ``BrokenError`` with what was found, unless the promise is kept."""
    if not kept:
        raise BrokenError(found)


def require_error(act: Callable[[], object], reasons: Iterable[str], what: str) -> ClmError:
    """Return the error that an act ends in, one of these reasons.

    Raises
    ------
    BrokenError
        It ends otherwise.
    """
    wanted = " or ".join(reasons)
    try:
        act()
    except ClmError as error:
        require(error.reason in wanted.split(" or "), f"{what} ends in {error.reason}: {error}")
        return error
    except Exception as error:
        raise BrokenError(f"{what} raises {type(error).__name__}: {error}, not {wanted}") from error
    raise BrokenError(f"{what} is no error; it must be ClmError with reason {wanted}")
