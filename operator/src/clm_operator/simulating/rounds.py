"""View → facts → findings → plan → acts → status of one simulation, until nothing is left to do.

A round that was cut off anywhere is finished by the next one: task.json and Jobs are made only
once by their names, every write of a status is guarded by the resourceVersion that was read.
"""

import logging
from dataclasses import dataclass, field

from clm_operator.cluster.api import ConflictError, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.round.queue import Again
from clm_operator.round.round import TooManyRoundsError
from clm_operator.settings import Settings
from clm_operator.simulating.gather import Gatherer
from clm_operator.simulating.making import Learned, Made, Maker
from clm_operator.simulating.polls import Polls
from clm_operator.simulating.reading import Reading
from clm_operator.simulating.writing import SimulationWriter
from clm_operator.simulations import acts
from clm_operator.simulations.acts import Plan
from clm_operator.simulations.facts import Facts, facts_of
from clm_operator.simulations.plan import plan
from clm_operator.telling.simulation_metrics import SimulationMetrics

_LOG = logging.getLogger(__name__)
_MAX_ROUNDS = 10
_LEFT_AGAIN_S = 30.0


@dataclass
class Simulations:
    """Brings one simulation where its spec wants it."""

    cluster: Cluster
    gatherer: Gatherer
    reading: Reading
    maker: Maker
    writer: SimulationWriter
    polls: Polls
    settings: Settings
    metrics: SimulationMetrics
    _awaited: dict[Key, set[Key]] = field(default_factory=dict)
    """Simulations that wait for a schedule, by that."""

    async def __call__(self, key: Key) -> Again | None:
        """Run rounds until nothing is left to do; return when to look again."""
        learned = Learned()
        for _ in range(_MAX_ROUNDS):
            view = await self.gatherer.view_of(key, learned.refused, learned.taken)
            self.metrics.seen(key, view.simulation)
            facts = facts_of(view, self.settings, self.polls.interval)
            if facts is None:
                self._gone(key)
                return None
            self._await(facts)
            findings = await self.reading(facts)
            decided = plan(facts, findings)
            if _creates(decided) and await self._outdated(key):
                continue
            made = await self.maker.make(facts, findings, decided.acts, learned)
            if made.look:
                continue  # one status for what was and what is made
            try:
                if await self.writer.write(facts, decided):
                    continue
            except (ConflictError, NotFoundError) as error:
                _LOG.info("simulation %s changed meanwhile, looking again: %s", key, error)
                continue
            return self._again(facts, decided, made)
        raise TooManyRoundsError(key)

    def waiting_for(self, schedule: Key) -> set[Key]:
        """Return the simulations that wait for a schedule."""
        return set(self._awaited.get(schedule, ()))

    async def _outdated(self, key: Key) -> bool:
        """Read live what a create rests on; return whether a round decided on something older."""
        if self.cluster.mirror.simulations.is_own(key.namespace, key.name):
            return False
        return await self.cluster.refresh("Simulation", key.namespace, key.name)

    def _await(self, facts: Facts) -> None:
        simulation, key = facts.simulation, facts.view.key
        name = None if simulation.spec is None else simulation.spec.schedule_name
        if name is None:
            return
        schedule = Key(key.namespace, name)
        if facts.is_frozen or simulation.terminal or facts.view.schedule is not None:
            self._waits_no_more(schedule, key)
        else:
            self._awaited.setdefault(schedule, set()).add(key)

    def _gone(self, key: Key) -> None:
        self.polls.forget(key)
        self.maker.forget(key)
        for schedule in list(self._awaited):
            self._waits_no_more(schedule, key)

    def _waits_no_more(self, schedule: Key, key: Key) -> None:
        waiting = self._awaited.get(schedule, set())
        waiting.discard(key)
        if not waiting:
            self._awaited.pop(schedule, None)

    def _again(self, facts: Facts, decided: Plan, made: Made) -> Again | None:
        waits = [_LEFT_AGAIN_S] if made.left else []
        if (unheard_s := self.writer.unheard_s(facts.view.key, facts.simulation)) is not None:
            waits.append(unheard_s)
        if decided.wake_at is not None:
            waits.append(max((decided.wake_at - facts.now).total_seconds(), 0.0))
        return Again(min(waits)) if waits else None


def _creates(decided: Plan) -> bool:
    return any(isinstance(act, acts.WriteTask | acts.CreateJob) for act in decided.acts)
