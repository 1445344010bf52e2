"""How the world does what a story says, and undoes it."""

import threading
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.proxy import Verdict

from bench.scale.admin import Call
from bench.soak.fleet import build
from bench.soak.story import Incident
from bench.soak.world import JOBS, SCHEDULES, VERSIONS, SoakWorld

Raw = dict[str, Any]
Undo = Callable[[], None]
_SOON_S = 0.9
OUTAGES = {"cut", "api", "store", "clock", "kill"}
"""One of each kind at a time."""


class Deeds:
    """Does and undoes incidents.

    Parameters
    ----------
    names
        Schedules that there are to be.
    """

    def __init__(self, world: SoakWorld, names: list[str]) -> None:
        self._world, self._names = world, names
        self.kills = 0

    def do(self, incident: Incident) -> Undo | None:
        """Begin an incident; return how it ends, if it lasts."""
        return getattr(self, f"_{incident.kind}")(incident)  # type: ignore[no-any-return]

    def create(self) -> None:
        """Make all schedules."""
        for name in self._names:
            self._world.admin.send(Call("POST", SCHEDULES, build(name)))

    def _patch(self, name: str, body: Raw) -> None:
        self._world.admin.send(Call("PATCH", f"{SCHEDULES}/{name}", body))

    def _kill(self, incident: Incident) -> Undo:
        how, number, before = incident.what
        self.kills += 1
        soon = threading.Timer(_SOON_S * number / 14, self._world.kill)
        if how == "soon":
            soon.start()
        elif how == "write":
            self._world.gate.kill_at(number, Verdict.REFUSE if before else Verdict.SWALLOW)
        else:
            self._world.kill()

        def revive() -> None:
            if how == "soon":
                soon.join()
            self._world.gate.disarm()
            self._world.kill()  # where it wrote too little to be killed before
            self._world.start()

        return revive

    def _cut(self, _: Incident) -> Undo:
        self._world.gate.is_cut = True
        return self._heal

    def _heal(self) -> None:
        self._world.gate.is_cut = False

    def _api(self, _: Incident) -> Undo:
        self._world.stop_api()
        return self._world.resume_api

    def _store(self, _: Incident) -> Undo:
        self._world.stop_store()
        return self._world.resume_store

    def _clock(self, incident: Incident) -> Undo:
        self._world.hours.mislead(incident.what)
        return self._right

    def _right(self) -> None:
        self._world.hours.set_right()

    def _edit(self, incident: Incident) -> None:
        self._patch(incident.name, {"spec": incident.what})

    def _suspend(self, incident: Incident) -> Undo:
        self._patch(incident.name, {"spec": {"suspend": True}})
        return lambda: self._patch(incident.name, {"spec": {"suspend": False}})

    def _recreate(self, incident: Incident) -> None:
        if (undo := self._delete(incident)) is not None:
            undo()

    def _delete(self, incident: Incident) -> Undo | None:
        if not self._world.admin.send(Call("DELETE", f"{SCHEDULES}/{incident.name}")):
            return None  # it is deleted already
        made = Call("POST", SCHEDULES, build(incident.name))
        return lambda: void(self._world.admin.send(made))

    def _ask(self, incident: Incident) -> None:
        token = {"clm.dev/run-now": f"token {incident.what}"}
        self._patch(incident.name, {"metadata": {"annotations": token}})

    def _promote(self, incident: Incident) -> None:
        """Ask for a candidate, for a version that was in production, or to withdraw one."""
        draw = Random(incident.what)
        runs = list(self._world.sight.runs.values())
        stages = {r.name: r.last.get("status", {}).get("stage") for r in runs if not r.gone}
        found = [name for name, stage in stages.items() if stage in ("CANDIDATE", "ARCHIVED")]
        if not found:
            return
        name = draw.choice(found)
        wanted = "ARCHIVED" if stages[name] == "CANDIDATE" and draw.random() < 0.2 else "PRODUCTION"
        request = {"stage": wanted, "by": "admin", "reason": f"request {incident.what}"}
        body = {"spec": {"request": request}}
        self._world.admin.send(Call("PATCH", f"{VERSIONS}/{name}", body))

    def _lose(self, incident: Incident) -> None:
        """Delete a Job, whatever its run does."""
        jobs = sorted(j["metadata"]["name"] for j in self._world.sight.there["jobs"].values())
        if jobs:
            name = Random(incident.what).choice(jobs)
            self._world.admin.send(Call("DELETE", f"{JOBS}/{name}?propagationPolicy=Background"))


def void(_: object) -> None:
    """Drop a result."""
