"""All watches of the namespaces that are asked for, and which of them have fallen silent."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from clm_operator.cluster.api import Api
from clm_operator.cluster.resources import collection
from clm_operator.edge.list_watch import Changed, ListWatch
from clm_operator.mirror.words import SILENCE_S
from clm_operator.mirror.world import KINDS, OF_SIMULATIONS, Kind, Mirror
from clm_operator.names import LABEL_SCHEDULE, LABEL_SIMULATION
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_LOOK_S = 15.0
_LABELS = {"Job": LABEL_SCHEDULE, "Pod": LABEL_SCHEDULE, "SimulationJob": LABEL_SIMULATION}
WATCHED_HERE: tuple[Kind, ...] = ("ModelVersion", "Job", "Pod")


@dataclass
class Watches:
    """Lists and watches of each kind in each namespace, ``*`` for all.

    Schedules come from kopf. They are listed before the first round, for what their siblings tried,
    now and then, and where kopf's watch or another one broke. Once the server's store was restored
    from a backup they are watched here too: kopf goes on from a resourceVersion that such a server
    does not have.
    """

    api: Api
    mirror: Mirror
    namespaces: Sequence[str]
    metrics: Metrics
    changed: Changed
    known: Callable[[str], None]
    restored: Callable[[], None]
    known_simulations: Callable[[str], None]
    _went_back: asyncio.Event = field(default_factory=asyncio.Event)
    _sweeps: dict[str, ListWatch] = field(default_factory=dict)
    _silent: set[tuple[Kind, str]] = field(default_factory=set)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._sweeps = {scope: self._of("TrainingSchedule", scope) for scope in self.namespaces}
        async with asyncio.TaskGroup() as tasks:
            for scope, schedules in self._sweeps.items():
                tasks.create_task(self._schedules(schedules), name=f"sweeper of {scope}")
                for kind in WATCHED_HERE:
                    name = f"watcher for {kind.lower()}s of {scope}"
                    watch = replace(self._of(kind, scope), anew=schedules.hurry)
                    tasks.create_task(watch.run(), name=name)
                for kind in OF_SIMULATIONS:
                    watch = replace(self._of(kind, scope), known=self.known_simulations)
                    name = f"watcher for {kind.lower()}s of {scope}"
                    tasks.create_task(watch.run(), name=name)
            tasks.create_task(self._listen(), name="silent watches")

    async def _schedules(self, schedules: ListWatch) -> None:
        await schedules.sweep(self._went_back)
        await schedules.run()

    def hurry(self) -> None:
        """List schedules soon."""
        for schedules in self._sweeps.values():
            schedules.hurry()

    def _goes_back(self) -> None:
        self._went_back.set()
        self.hurry()
        self.restored()

    def _of(self, kind: Kind, scope: str) -> ListWatch:
        return ListWatch(
            self.api,
            self.mirror,
            kind,
            collection(kind, scope),
            scope,
            _LABELS.get(kind, ""),
            self.changed,
            self.known,
            self._goes_back,
        )

    async def _listen(self) -> None:
        while True:
            self.tell_silence()
            await asyncio.sleep(_LOOK_S)

    def tell_silence(self) -> None:
        """Say of each watch whether it is silent, and in the log when that begins or ends."""
        for kind, scope in ((kind, scope) for scope in self.namespaces for kind in KINDS):
            silent, before = (
                self.mirror.words.silent_s((kind, scope)),
                (kind, scope) in self._silent,
            )
            self.metrics.silent(kind, scope, silent=silent > SILENCE_S)
            if silent > SILENCE_S and not before:
                self._silent.add((kind, scope))
                _LOG.warning(
                    "nothing was heard of the %ss of %s for %.0f s: schedules rest until it is",
                    kind, scope, silent,
                )  # fmt: skip
            elif silent <= SILENCE_S and before:
                self._silent.discard((kind, scope))
                _LOG.info("the %ss of %s are heard of again", kind, scope)
