"""What one process may claim of a Lease: the rules of client-go's leader election, as data.

What another process wrote counts from the moment when it was first seen here, on the clock of this
machine that never jumps. The times that stand in the Lease are for people.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

Raw = dict[str, Any]
LEASE_S = 10
"""How long a Lease that nobody renews keeps others out."""
RENEW_DEADLINE_S = 7.0
"""How long a leader works after the last renewal that held: it stops before others may begin."""
RENEW_S = 2.0
"""How long a renewal is left alone."""
LOOK_S = 1.0
"""How often a standby looks, and how soon a failed renewal is tried again."""

_MOST_TERMS = 2**31 - 1
"""What the field can hold: a person may have written anything."""


@dataclass(frozen=True)
class Election:
    """What a process knows of the Lease. Times are seconds of the monotonic clock."""

    identity: str
    """Under what name it holds the Lease."""
    spec: Raw = field(default_factory=dict)
    """The newest spec of the Lease; empty where there is none."""
    seen_at: float = 0.0
    """When that spec was first seen."""
    renewed_at: float | None = None
    """When the newest write of its own that held was sent; None: the Lease is not its own."""

    @property
    def holder(self) -> str:
        """Who holds the Lease; empty if nobody does."""
        return self.spec.get("holderIdentity") or ""

    @property
    def is_mine(self) -> bool:
        """Whether the Lease names this process."""
        return self.holder == self.identity

    @property
    def free_at(self) -> float:
        """When the Lease has run out, unless its holder renews it.

        Not before a holder of this version would have stopped, whatever length it was written with.
        """
        return self.seen_at + max(self.spec.get("leaseDurationSeconds") or 0, LEASE_S)

    def left_s(self, now: float) -> float:
        """Return for how long this process may work without another renewal."""
        return 0.0 if self.renewed_at is None else self.renewed_at + RENEW_DEADLINE_S - now

    def leads(self, now: float) -> bool:
        """Whether this process may work: nobody else can have taken the Lease by now."""
        return self.left_s(now) > 0

    def seeing(self, spec: Raw, now: float) -> "Election":
        """Return what is known after a look; a spec that stands as it did is as old as it was."""
        seen = self if spec == self.spec else replace(self, spec=spec, seen_at=now)
        return seen if seen.is_mine else replace(seen, renewed_at=None)

    def holding(self, spec: Raw, sent: float) -> "Election":
        """Return what is known after a write of its own that was sent then and held."""
        return replace(self, spec=spec, seen_at=sent, renewed_at=sent)

    def claim(self, now: float, wall: datetime) -> Raw | None:
        """Return the spec to write; None while another process holds the Lease."""
        if self.holder and not self.is_mine and now < self.free_at:
            return None
        time, terms = _micro_time(wall), self.spec.get("leaseTransitions")
        begun = 0 if terms is None else min(terms + 1, _MOST_TERMS)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": LEASE_S,
            "acquireTime": self.spec.get("acquireTime", time) if self.is_mine else time,
            "renewTime": time,
            "leaseTransitions": terms or 0 if self.is_mine else begun,
        }

    def release(self, wall: datetime) -> Raw:
        """Return the spec that lets the next process begin at once."""
        time = _micro_time(wall)
        return {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "acquireTime": time,
            "renewTime": time,
        }

    def rest_s(self, now: float) -> float:
        """Return for how long there is nothing to do."""
        if self.renewed_at is not None and self.leads(now):
            renewal = self.renewed_at + RENEW_S - now
            return min(renewal if renewal > 0 else LOOK_S, self.left_s(now))
        waits = bool(self.holder) and not self.is_mine and now < self.free_at
        return min(LOOK_S, self.free_at - now) if waits else LOOK_S


def _micro_time(wall: datetime) -> str:
    """Return a time as Kubernetes' MicroTime."""
    return wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
