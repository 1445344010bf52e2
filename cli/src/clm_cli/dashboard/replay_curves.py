"""The equity of what is in production, from the reports that its replays left in the store."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from clm_api.layout import replays_by, report_at
from clm_api.replay import Replay, ReplayReport
from clm_api.timing import slot_of
from clm_cli.cluster import ScheduleView
from clm_cli.dashboard.files import Equity
from clm_cli.dashboard.world import Key
from clm_cli.server import ClusterError

if TYPE_CHECKING:
    from clm_trainer.storage import Storage

_MOST_REPORTS, _KEPT = 300, 5000


@dataclass
class ReplayCurves:
    """Reads reports, each once: they are written once."""

    store: "Storage"
    _seen: dict[str, Replay | None] = field(default_factory=dict)

    def of(self, key: Key, view: ScheduleView) -> Equity:
        """Return the equity at the end of each replay since the promotion.

        Raises
        ------
        ClmError
            StorageDenied, StorageUnavailable.
        ClusterError
            Nothing is in production.
        """
        there = view.status.production
        if there is None:
            raise ClusterError("nothing is in production")
        uid = str(view.raw["metadata"]["uid"])
        folder = replays_by(key.namespace, key.name, uid)
        found = {path: report_at(path) for path in self.store.list(folder)}
        since = slot_of(there.since)
        slots = sorted((r.slot, path) for path, r in found.items() if r and r.slot >= since)
        replays = [self._live(path) for _, path in slots[-_MOST_REPORTS:]]
        own = [r for r in replays if r is not None and r.version == there.version and r.bars]
        points = {r.to.timestamp(): 1 + r.metrics["totalReturn"] for r in own if _earned(r)}
        if not points:
            return Equity((), ())
        points[min(r.from_ for r in own).timestamp()] = 1.0
        times = sorted(points)
        return Equity(tuple(times), tuple(points[time] for time in times))

    def _live(self, path: str) -> Replay | None:
        """Return what a report says of production; None where it says nothing that can be read."""
        if path not in self._seen:
            content = self.store.get(path)
            try:
                report = ReplayReport.model_validate_json(content or b"")
                live = report.live
            except ValidationError:  # of another release
                live = None
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[path] = live
        return self._seen[path]


def _earned(replay: Replay) -> bool:
    return "totalReturn" in replay.metrics and replay.to > replay.from_
