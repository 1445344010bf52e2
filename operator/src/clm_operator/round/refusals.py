"""What was refused for now, in whose words, and when it is tried again.

Waits grow from some seconds to five minutes, or are as long as the server says. They live in memory
only: a new operator tries at once, and learns anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.clock import Clock
from clm_operator.cluster.api import ApiError, DeniedError
from clm_operator.mirror.objects import Key
from clm_operator.view import Withheld

_LONGEST_S = 300.0
_FORGOTTEN_AFTER_S = 3600.0
_SHORT_FOR_S = 60.0
_PASSING = (0, 409, 429)
"""No answer, changed by others meanwhile, too many requests."""
_SERVER = 500


@dataclass(frozen=True)
class _Refusal:
    reason: Reason
    message: str
    tries: int
    again: float
    """Monotonic time, seconds."""


@dataclass
class Refusals:
    """Refusals of creates by schedule and name.

    Parameters
    ----------
    first_s
        The first wait.
    """

    clock: Clock
    first_s: float
    _of: dict[Key, dict[str, _Refusal]] = field(default_factory=dict)
    _short_until: dict[str, float] = field(default_factory=dict)
    """By namespace, monotonic."""

    def standing(self, key: Key) -> Mapping[str, Withheld]:
        """Return what is not to be tried yet."""
        now = self.clock.monotonic()
        known = self._of.get(key, {})
        return {name: self._told(one) for name, one in known.items() if one.again > now}

    def short(self, namespace: str) -> bool:
        """Return whether a quota of the namespace has lately refused a Job, its pod or its keys."""
        return self._short_until.get(namespace, 0.0) > self.clock.monotonic()

    def note_short(self, namespace: str) -> None:
        """Remember that for a minute, or until a Job is made."""
        self._short_until[namespace] = self.clock.monotonic() + _SHORT_FOR_S

    def note_room(self, namespace: str) -> None:
        """Remember that a Job was made."""
        self._short_until.pop(namespace, None)

    def note(self, key: Key, name: str, error: ApiError | ClmError) -> Withheld:
        """Remember a refusal; return it as a round sees it."""
        reason, message = reason_of(error)
        now, known = self.clock.monotonic(), self._of.setdefault(key, {})
        before = known.get(name)
        tries = before.tries + 1 if before else 0
        wait = min(self.first_s * 2.0 ** min(tries, 16), _LONGEST_S)
        asked = error.retry_after_s if isinstance(error, ApiError) else None
        known[name] = _Refusal(reason, message, tries, now + max(wait, asked or 0.0))
        for old in [n for n, one in known.items() if one.again < now - _FORGOTTEN_AFTER_S]:
            del known[old]
        return self._told(known[name])

    def forget(self, key: Key, name: str | None = None) -> None:
        """Forget what was made after all; without a name, all of a schedule that is gone."""
        if name is None:
            self._of.pop(key, None)
        else:
            self._of.get(key, {}).pop(name, None)

    def _told(self, one: _Refusal) -> Withheld:
        left = timedelta(seconds=one.again - self.clock.monotonic())
        return Withheld(one.reason, one.message, self.clock.now() + left)


def reason_of(error: ApiError | ClmError) -> tuple[Reason, str]:
    """Return the reason of a refusal that may pass, and the words of who refused."""
    if isinstance(error, ClmError):
        return error.reason, error.message
    if not isinstance(error, DeniedError):
        if "exceeded quota" in error.message:
            return Reason.QUOTA_PENDING, f"forbidden for now: {error.message}"
        if error.status in _PASSING or error.status >= _SERVER:
            return Reason.ADMISSION_UNAVAILABLE, f"no answer for now: {error.message}"
    return Reason.ADMISSION_DENIED, f"forbidden for now: {error.message}"
