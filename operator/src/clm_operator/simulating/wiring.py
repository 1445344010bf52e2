"""All that looks after simulations, wired."""

from collections.abc import Callable
from dataclasses import dataclass, field

from obstore.store import ObjectStore

from clm_operator.clock import Clock
from clm_operator.cluster.api import Api
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.round.launch import Launcher
from clm_operator.round.queue import Again
from clm_operator.round.refusals import Refusals
from clm_operator.round.scheduler import Scheduler
from clm_operator.settings import Settings
from clm_operator.simulating.gather import Gatherer
from clm_operator.simulating.making import Maker
from clm_operator.simulating.news import JobNews
from clm_operator.simulating.polls import Polls
from clm_operator.simulating.reading import Reading
from clm_operator.simulating.rounds import Simulations
from clm_operator.simulating.writing import SimulationWriter
from clm_operator.store.lender import Lender
from clm_operator.store.simulations import SimulationStore
from clm_operator.store.standing import Standing
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.teller import Teller

_UNSERVED_AGAIN_S = 15.0
_WORKERS = 4


@dataclass(frozen=True)
class Outside:
    """What simulations share with schedules."""

    api: Api
    mirror: Mirror
    store: ObjectStore
    standing: Standing
    teller: Teller
    settings: Settings
    clock: Clock
    metrics: Metrics


@dataclass
class SimulationDesk:
    """Hears news and looks at simulations, beside schedules and never instead of them.

    Parameters
    ----------
    serves
        Whether a namespace is served.
    """

    outside: Outside
    serves: Callable[[str], bool]
    scheduler: Scheduler = field(init=False)
    rounds: Simulations = field(init=False)
    _news: JobNews = field(default_factory=JobNews)

    def __post_init__(self) -> None:
        """Wire."""
        out = self.outside
        settings, clock = out.settings, out.clock
        self.scheduler = Scheduler(self.look, clock, out.metrics, _WORKERS, "Simulation")
        cluster = Cluster(out.api, out.mirror, self.scheduler.wake, "SimulationJob")
        refusals = Refusals(clock, settings.progress_poll_seconds)
        store = SimulationStore(out.store, out.standing.doubt)
        polls = Polls(settings.progress_poll_seconds, clock.monotonic)
        launcher = Launcher(cluster, Lender(settings.store), settings.trainer)
        self.rounds = Simulations(
            cluster=cluster,
            gatherer=Gatherer(cluster, refusals, out.standing, clock),
            reading=Reading(store, polls, settings),
            maker=Maker(cluster, launcher, refusals, store, settings),
            writer=SimulationWriter(cluster, out.teller),
            polls=polls,
            settings=settings,
            metrics=out.metrics.simulations,
        )

    async def look(self, key: Key) -> Again | None:
        """Make the rounds of a simulation where all that they rest on is known."""
        if not self.outside.mirror.knows_simulations(key.namespace):
            return Again(_UNSERVED_AGAIN_S)
        if not self.serves(key.namespace):
            return Again(_UNSERVED_AGAIN_S)
        return await self.rounds(key)

    def changed(self, kind: Kind, key: Key) -> None:
        """Look at the simulations that news are about, where they matter."""
        if kind == "Simulation":
            self.scheduler.wake(key)
        elif kind == "SimulationJob":
            if self._news.matter(key, self.outside.mirror.simulation_jobs.of(key)):
                self.scheduler.wake(key)
        elif kind == "TrainingSchedule":
            for waiting in self.rounds.waiting_for(key):
                self.scheduler.wake(waiting)

    def known(self, scope: str) -> None:
        """Look at the simulations of which everything is known now."""
        mirror = self.outside.mirror
        namespace = None if scope == "*" else scope
        for key in list(mirror.simulations.owners(namespace)):
            if mirror.knows_simulations(key.namespace):
                self.scheduler.wake(key)
