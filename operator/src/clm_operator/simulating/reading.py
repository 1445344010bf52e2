"""What a round works out and reads in the store."""

import asyncio
import logging
from dataclasses import dataclass

from clm_api.errors import ClmError, SpecError
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.settings import Settings
from clm_operator.simulating.polls import Polls
from clm_operator.simulations.facts import Facts
from clm_operator.simulations.frozen import Frozen, freeze
from clm_operator.simulations.needs import Needs, needs
from clm_operator.simulations.view import Fault, Findings
from clm_operator.store.simulations import SimulationStore

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Reads what facts say that a round needs, and nothing else."""

    store: SimulationStore
    polls: Polls
    settings: Settings

    async def __call__(self, facts: Facts) -> Findings:
        """Read."""
        asked, status = needs(facts), facts.simulation.status
        due = self.polls.is_due(facts.view.key, len(asked.progress))
        frozen = await self._frozen(facts) if asked.freeze else None
        task = report = None
        if asked.task and status.task_sha256 is not None:
            task = await self.store.task(facts.layout, status.task_sha256)
        if asked.report:
            report = await self.store.report(facts.layout, status)
        progress = await self._progress(facts, asked) if due else {}
        return Findings(frozen, task, progress, report)

    async def _frozen(self, facts: Facts) -> Frozen | Fault | None:
        """Freeze, in a thread: a hundred variants of ten years of slots take a second or two."""
        spec, schedule = facts.simulation.spec, facts.view.schedule
        if spec is None or not isinstance(schedule, TrainingScheduleSpec):
            return None
        try:
            return await asyncio.to_thread(freeze, spec, schedule, self.settings, facts.now)
        except SpecError as error:
            return Fault(error.reason, error.message)

    async def _progress(self, facts: Facts, asked: Needs) -> dict[str, int]:
        """Return how far pods say they are; nothing depends on it but what people see."""
        try:
            return {name: await self.store.trained(facts.layout, name) for name in asked.progress}
        except ClmError as error:
            self.store.doubt()
            _LOG.info("%s: how far it is can't be read: %s", facts.view.key, error)
            return {}
