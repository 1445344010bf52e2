"""Typed objects of the kinds that rounds look at, and what is looked up across schedules."""

import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from clm_api.data_spec import DataSpec
from clm_api.schedule_status import TrialsStatus
from clm_api.symbols import canonical
from clm_operator.mirror.objects import Job, Key, Pod, Raw, ScheduleObject, Version, owner_uid
from clm_operator.mirror.simulation import SimulationObject
from clm_operator.mirror.table import Look, Table
from clm_operator.mirror.tries import Market, Tries
from clm_operator.mirror.words import Words
from clm_operator.mirror.workloads import Workloads
from clm_operator.names import LABEL_SCHEDULE, LABEL_SIMULATION
from clm_operator.settings import EVERY_NAMESPACE

_LOG = logging.getLogger(__name__)
Kind = Literal["TrainingSchedule", "ModelVersion", "Job", "Pod", "Simulation", "SimulationJob"]
KINDS: tuple[Kind, ...] = ("TrainingSchedule", "ModelVersion", "Job", "Pod")
"""What rounds of schedules rest on."""
OF_SIMULATIONS: tuple[Kind, ...] = ("Simulation", "SimulationJob")
"""What rounds of simulations rest on beside schedules; no schedule waits for them."""


@dataclass(frozen=True)
class OwnedPod:
    """A pod, and the Job that made it."""

    pod: Pod
    owner: str | None
    """The Job's uid."""


def _of_schedule(raw: Raw) -> Key:
    return Key(str(raw["metadata"]["namespace"]), str(raw["metadata"]["name"]))


def _of_version(raw: Raw) -> Key:
    return Key(str(raw["metadata"]["namespace"]), str(raw["spec"]["scheduleRef"]["name"]))


def _of_simulation(raw: Raw) -> Key | None:
    name = raw["metadata"].get("labels", {}).get(LABEL_SIMULATION)
    return Key(str(raw["metadata"]["namespace"]), str(name)) if name else None


def _of_dependant(raw: Raw) -> Key | None:
    name = raw["metadata"].get("labels", {}).get(LABEL_SCHEDULE)
    return Key(str(raw["metadata"]["namespace"]), str(name)) if name else None


@dataclass
class Mirror:
    """What the watches have shown, and the answers to this process's own writes.

    An object is as new as the newer of the two. A round that decides on an old one is refused by
    the guards of its writes, and looks again.
    """

    schedules: Table[ScheduleObject] = field(
        default_factory=lambda: Table(ScheduleObject.read, _of_schedule)
    )
    versions: Table[Version] = field(default_factory=lambda: Table(Version.read, _of_version))
    jobs: Table[Job] = field(default_factory=lambda: Table(lambda raw, _: Job(raw), _of_dependant))
    pods: Table[OwnedPod] = field(
        default_factory=lambda: Table(
            lambda raw, _: OwnedPod(Pod.read(raw), owner_uid(raw)), _of_dependant
        )
    )
    simulations: Table[SimulationObject] = field(
        default_factory=lambda: Table(SimulationObject.read, _of_schedule, recent=200)
    )
    simulation_jobs: Table[Job] = field(
        default_factory=lambda: Table(lambda raw, _: Job(raw), _of_simulation, recent=200)
    )
    workloads: Workloads = field(default_factory=Workloads)
    """Nothing that must be known: rounds go on where Kueue is not there, or does not tell."""
    words: Words = field(default_factory=lambda: Words(lambda: 0.0))
    """When each kind was last heard of; by default on a clock that stands still."""
    _tries: Tries = field(default_factory=Tries)
    _listed: set[tuple[Kind, str]] = field(default_factory=set)

    def put(
        self, kind: Kind, raw: Raw, *, own: bool = False, look: Look | None = None
    ) -> Key | None:
        """Keep an object; return whose it is if it is news.

        Parameters
        ----------
        own
            Whether it is the answer to a write of this process.
        look
            The list that shows it.
        """
        kept = raw | {"kind": kind.removeprefix("Simulation") or kind}
        if kind != "TrainingSchedule":
            return self.table(kind).put(kept, own=own, look=look)
        meta = raw["metadata"]
        before = self.schedules.uid(str(meta["namespace"]), str(meta["name"]))
        if (key := self.schedules.put(kept, own=own, look=look)) is not None:
            if before not in (None, meta["uid"]):
                self._tries.drop(str(before))
            self._tries.put(str(meta["uid"]), *_asked(raw))
        return key

    def drop(
        self, kind: Kind, namespace: str, name: str, uid: str, version: str | None = None
    ) -> Key | None:
        """Forget an object; return whose it was if it was known.

        Parameters
        ----------
        version
            Up to which resourceVersion it is out of sight; None: it is gone for good.
        """
        if kind == "TrainingSchedule":
            self._tries.drop(uid)
        return self.table(kind).drop(namespace, name, uid, version)

    def uid(self, kind: Kind, namespace: str, name: str) -> str | None:
        """Return the uid of an object of that name; None if there is none."""
        return self.table(kind).uid(namespace, name)

    def look(self, kind: Kind, scope: str, reached: str) -> Look:
        """Begin a list of a namespace, ``*`` of all.

        Parameters
        ----------
        reached
            Up to which resourceVersion all was known before; empty if nothing was.
        """
        return self.table(kind).look(_namespace(scope), reached)

    def listed(self, kind: Kind, scope: str, seen: set[str], look: Look) -> list[Key]:
        """Take note that a list is through; return the keys of what it does not show any more."""
        self._listed.add((kind, scope))
        missing = self.table(kind).sweep(_namespace(scope), seen, look)
        for gone in missing:
            if kind == "TrainingSchedule":
                self._tries.drop(gone.uid)
            _LOG.info("%s %s is gone, though no event said so", kind, gone)
        return [gone.key for gone in missing if gone.key is not None]

    def heard(self, kind: Kind, scope: str) -> bool:
        """Take note that a watch has spoken; return whether its kind is known again by that."""
        before = self._is_known(kind, scope)
        self.words.hear((kind, scope))
        return not before and self._is_known(kind, scope)

    def knows(self, namespace: str) -> bool:
        """Whether everything of a namespace was listed once, and was heard of lately."""
        return all(
            self._is_known(kind, namespace) or self._is_known(kind, EVERY_NAMESPACE)
            for kind in KINDS
        )

    def knows_simulations(self, namespace: str) -> bool:
        """Whether everything is known that a namespace's simulations rest on."""
        return self.knows(namespace) and all(
            self._is_known(kind, namespace) or self._is_known(kind, EVERY_NAMESPACE)
            for kind in OF_SIMULATIONS
        )

    def _is_known(self, kind: Kind, scope: str) -> bool:
        return (kind, scope) in self._listed and self.words.is_fresh((kind, scope))

    def disown(self) -> None:
        """Take nothing for this process's own last word any more."""
        for kind in (*KINDS, *OF_SIMULATIONS):
            self.table(kind).disown()

    def keys(self, namespace: str) -> list[Key]:
        """Return the schedules of a namespace, ``*`` of all."""
        return list(self.schedules.owners(_namespace(namespace)))

    def schedule(self, key: Key) -> ScheduleObject | None:
        """Return a schedule; None if there is none."""
        return self.schedules.get(key.namespace, key.name)

    def pods_of(self, key: Key, job_uid: str) -> tuple[Pod, ...]:
        """Return a Job's pods, oldest first."""
        mine = [owned.pod for owned in self.pods.of(key) if owned.owner == job_uid]
        return tuple(sorted(mine, key=lambda pod: (pod.created, pod.uid)))

    def key_of_job(self, namespace: str, name: str, uid: str) -> Key | None:
        """Return whose a Job is; None where it is not known, or is another one."""
        known = self.jobs.uid(namespace, name) == uid
        return self.jobs.key(namespace, name) if known else None

    def tries_of_siblings(self, schedule: ScheduleObject) -> tuple[TrialsStatus, ...]:
        """Return the pooled tries of the namespace's other schedules on the same data."""
        if schedule.spec is None:
            return ()
        market = _market(schedule.namespace, schedule.spec.data)
        return (self._tries.of_siblings(schedule.uid, market),)

    def table(self, kind: Kind) -> Table[Any]:
        """Return the objects of a kind."""
        tables: dict[Kind, Table[Any]] = {
            "TrainingSchedule": self.schedules,
            "ModelVersion": self.versions,
            "Job": self.jobs,
            "Pod": self.pods,
            "Simulation": self.simulations,
            "SimulationJob": self.simulation_jobs,
        }
        return tables[kind]


def _namespace(scope: str) -> str | None:
    return None if scope == EVERY_NAMESPACE else scope


def _asked(raw: Raw) -> tuple[Market | None, TrialsStatus]:
    """Return a schedule's market and tries; one that can't be read has none."""
    try:
        data = DataSpec.model_validate(raw["spec"]["data"])
        tries = TrialsStatus.model_validate(raw.get("status", {}).get("trials", {}))
    except (ValidationError, KeyError) as error:
        name = raw["metadata"]["name"]
        _LOG.warning("the tries of %s are left out: %s", name, error)
        return None, TrialsStatus()
    return _market(str(raw["metadata"]["namespace"]), data), tries


def _market(namespace: str, data: DataSpec) -> Market:
    return namespace, frozenset(canonical(s, data.market) for s in data.symbols), data.timeframe
