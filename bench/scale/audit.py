"""Requests as the API server saw them: the bench and the controllers are not in its log."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

OPERATOR, SECOND, PEER = "clm-operator", "clm-operator-2", "cronjob-peer"
"""Users whose requests are logged."""
POLICY = f"""
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {{level: Metadata, users: [{OPERATOR}, {SECOND}, {PEER}]}}
  - {{level: None}}
"""
_CHANGES = {"create", "update", "patch", "delete", "deletecollection"}
_FIRST_REFUSAL = 400


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; a watch counts when it begins.

    Parameters
    ----------
    at
        Unix time of the answer.
    what
        ``resource`` or ``resource/subresource``.
    """

    at: float
    user: str
    verb: str
    what: str
    name: str
    code: int
    dry_run: bool = False

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "Request | None":
        """Read an entry of the log; None for one that is no answer."""
        verb = entry["verb"]
        if entry["stage"] != ("ResponseStarted" if verb == "watch" else "ResponseComplete"):
            return None
        about = entry.get("objectRef", {})
        what = about.get("resource", entry["requestURI"].split("?")[0])
        if part := about.get("subresource"):
            what += f"/{part}"
        return cls(
            at=datetime.fromisoformat(entry["stageTimestamp"]).timestamp(),
            user=entry["user"]["username"],
            verb=verb,
            what=what,
            name=about.get("name", ""),
            code=entry.get("responseStatus", {}).get("code", 0),
            dry_run="dryRun" in entry["requestURI"],
        )

    @property
    def label(self) -> str:
        """Verb and resource, with what is special about it."""
        text = f"{self.verb} {self.what}"
        if self.dry_run:
            text += " (dry run)"
        return text if self.code < _FIRST_REFUSAL else f"{text} {self.code}"

    @property
    def writes(self) -> bool:
        """Whether it changes an object of the cluster; the Lease of the leader is none of them."""
        return self.verb in _CHANGES and not self.dry_run and self.what != "leases"

    def made(self, what: str) -> bool:
        """Whether it created an object of this kind."""
        return self.verb == "create" and self.what == what and 0 < self.code < _FIRST_REFUSAL


class Audit:
    """The log, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self._requests: list[Request] = []

    def read(self) -> list[Request]:
        """Return all requests so far."""
        if not self._path.exists():
            return self._requests
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._offset += len(whole) + 1
            found = (Request.of(json.loads(line)) for line in whole.splitlines())
            self._requests += [request for request in found if request is not None]
        return self._requests


def counted(requests: Iterable[Request]) -> dict[str, int]:
    """Count requests by label, the most frequent first."""
    return dict(Counter(request.label for request in requests).most_common())
