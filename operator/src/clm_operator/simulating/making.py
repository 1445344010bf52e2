"""A round's acts are carried out: what is refused is tried again later, or said for good."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field

from clm_api.errors import ClmError
from clm_api.simulation_task import SimulationTask
from clm_operator.cluster.api import ApiError, InvalidError
from clm_operator.cluster.resources import Cluster
from clm_operator.jobs.credentials import regrant
from clm_operator.jobs.manifest import NewJob
from clm_operator.mirror.objects import Key
from clm_operator.round.launch import Launcher
from clm_operator.round.refusals import Refusals
from clm_operator.settings import Settings
from clm_operator.simulations import acts
from clm_operator.simulations.facts import Facts
from clm_operator.simulations.jobs import grants_of, job_of, piece_of
from clm_operator.simulations.view import Findings
from clm_operator.store.simulations import SimulationStore

_LOG = logging.getLogger(__name__)
_OTHER = (
    "its folder holds another task.json than this one would be: schedule or configuration changed "
    "while it was frozen; apply the Simulation under another name"
)


@dataclass
class Learned:
    """What only trying can tell, of one simulation."""

    refused: dict[str, str] = field(default_factory=dict)
    """Names that the API server, or the store, refuses for good, with its words."""
    taken: set[str] = field(default_factory=set)
    """Names that exist."""


@dataclass(frozen=True)
class Made:
    """What became of acts.

    Parameters
    ----------
    look
        Whether a round must look at what was made, or at why it was not.
    left
        Whether something is to be removed that could not be.
    """

    look: bool = False
    left: bool = False


@dataclass
class Maker:
    """Carries out acts."""

    cluster: Cluster
    launcher: Launcher
    refusals: Refusals
    store: SimulationStore
    settings: Settings
    _provided: dict[Key, set[str]] = field(default_factory=dict)
    """Uids of a simulation's Jobs whose keys are there: this process has made or missed none."""
    _swept: dict[Key, str] = field(default_factory=dict)
    """Uids of the simulations whose slots are removed."""

    def forget(self, key: Key) -> None:
        """Take note that a simulation is gone."""
        self.refusals.forget(key)
        self._provided.pop(key, None)
        self._swept.pop(key, None)

    async def make(
        self, facts: Facts, findings: Findings, todo: tuple[acts.Act, ...], learned: Learned
    ) -> Made:
        """Make, lend and remove."""
        tries = list[Awaitable[Made]]()
        for act in todo:
            match act:
                case acts.WriteTask():
                    tries.append(self._freeze(facts, act, learned))
                case acts.CreateJob():
                    piece = piece_of(facts.simulation, _task(findings), act.number)
                    job = job_of(piece, self.settings, facts.now)
                    tries.append(self._start(facts.view.key, job, learned))
                case acts.Lend() if act.job.uid not in self._provided.get(facts.view.key, ()):
                    tries.append(self._lend(facts, findings, act))
                case acts.DeleteJob():
                    tries.append(self._delete(facts, act))
                case acts.RemoveSlots() if facts.simulation.uid != self._swept.get(facts.view.key):
                    tries.append(self._sweep(facts))
        made = await asyncio.gather(*tries)
        return Made(any(one.look for one in made), any(one.left for one in made))

    async def _freeze(self, facts: Facts, act: acts.WriteTask, learned: Learned) -> Made:
        try:
            ours = await self.store.freeze(facts.layout, act.frozen.content)
        except ClmError as error:
            self.store.doubt()
            self._held(facts.view.key, acts.TASK, error)
            return Made(look=True)
        self.refusals.forget(facts.view.key, acts.TASK)
        if not ours:
            learned.refused[acts.TASK] = _OTHER
        return Made(look=not ours)

    async def _start(self, key: Key, job: NewJob, learned: Learned) -> Made:
        try:
            made = await self.launcher.start(job)
        except InvalidError as error:
            learned.refused[job.name] = error.message
            return Made(look=True)
        except (ApiError, ClmError) as error:
            self._held(key, job.name, error)
            return Made(look=True)
        self.refusals.forget(key, job.name)
        if not made:
            learned.taken.add(job.name)
        elif (
            found := self.cluster.mirror.simulation_jobs.get(key.namespace, job.name)
        ) is not None and not found.suspended:
            self._provided.setdefault(key, set()).add(found.uid)
        return Made(look=True)

    async def _lend(self, facts: Facts, findings: Findings, act: acts.Lend) -> Made:
        piece = piece_of(facts.simulation, _task(findings), act.number)
        grants = grants_of(piece, self.settings, facts.now)
        lacking = [again for one in grants if (again := regrant(one, act.job)) is not None]
        try:
            for grant in lacking:
                await self.launcher.lend(grant)
        except (ApiError, ClmError) as error:
            self._held(facts.view.key, act.job.name, error)
            return Made(look=True)
        self.refusals.forget(facts.view.key, act.job.name)
        self._provided.setdefault(facts.view.key, set()).add(act.job.uid)
        return Made()

    async def _delete(self, facts: Facts, act: acts.DeleteJob) -> Made:
        """Delete a Job; one that stays is tried again at the next look."""
        try:
            await self.cluster.delete_job(facts.view.key.namespace, act.job.name, act.job.uid)
        except ApiError as error:
            _LOG.warning("%s: Job %s stays: %s", facts.view.key, act.job.name, error)
            return Made(left=True)
        self._provided.get(facts.view.key, set()).discard(act.job.uid)
        return Made()

    async def _sweep(self, facts: Facts) -> Made:
        try:
            await self.store.remove_slots(facts.layout)
        except ClmError as error:
            self.store.doubt()
            _LOG.warning("%s: its slots stay for now: %s", facts.view.key, error)
            return Made(left=True)
        self._swept[facts.view.key] = facts.simulation.uid
        return Made()

    def _held(self, key: Key, name: str, error: ApiError | ClmError) -> None:
        why = self.refusals.note(key, name, error)
        _LOG.warning("%s: %s is held back: %s", key, name, why.message)


def _task(findings: Findings) -> SimulationTask:
    """Return what was frozen: no Job is planned without it."""
    if not isinstance(findings.task, SimulationTask):
        raise TypeError("a Job was planned without its task")
    return findings.task
