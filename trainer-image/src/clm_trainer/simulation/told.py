"""What the pods of a Simulation are told: the task that the operator froze."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.layout import SimulationLayout
from clm_api.past import share
from clm_api.reasons import Reason
from clm_api.simulation_task import SimulationTask, TaskVariant
from clm_trainer.host import Host
from clm_trainer.simulation.prepared import Prepared, prepare
from clm_trainer.storage import Storage


@dataclass(frozen=True)
class Told:
    """A simulation's task.

    Parameters
    ----------
    sha256
        Digest of ``task.json``.
    """

    layout: SimulationLayout
    task: SimulationTask
    sha256: str

    @classmethod
    def read(cls, store: Storage, layout: SimulationLayout, sha256: str) -> "Told":
        """Read ``task.json``.

        Raises
        ------
        ClmError
            SpecInvalid: it is absent, is another one than the Job was made for, or is of another
            release.
        """
        content = store.get(layout.task)
        if content is None:
            raise _invalid(f"{store.address(layout.task)} is absent: apply the Simulation anew")
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            text = f"{store.address(layout.task)} was changed: its sha256 is {found}, not {sha256}"
            raise _invalid(f"{text}; apply the Simulation anew")
        try:
            return cls(layout, SimulationTask.model_validate_json(content), sha256)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "the whole"
            text = f"task.json: {field}: {first['msg']}"
            raise _invalid(
                f"{text}; operator and trainer image may be of different versions"
            ) from error

    def variant(self, name: str) -> TaskVariant:
        """Return a variant.

        Raises
        ------
        ClmError
            SpecInvalid: the task has none of that name.
        """
        for one in self.task.variants:
            if one.name == name:
                return one
        raise _invalid(f"task.json has no variant {name!r}")

    def fetch(self, variant: str | None, host: Host) -> None:
        """Bring the bars of a variant, or of all, into the store.

        For a container whose image's own code may not ask for them.

        Raises
        ------
        ClmError
            As for ``prepare``.
        """
        if variant is not None:
            host.asked.same(self.prepare(self.variant(variant), host).bars.sha256)
            return
        for one in self.task.variants:
            self.prepare(one, host)

    def prepare(self, variant: TaskVariant, host: Host) -> Prepared:
        """Get the bars of a variant's slots.

        Raises
        ------
        ClmError
            As for ``prepare``.
        """
        return prepare(variant.schedule, variant.run, self.task.from_, self.task.to, host)


def slots_of(variant: TaskVariant, asked: Sequence[datetime], index: int) -> list[datetime]:
    """Return the slots of one pod.

    Raises
    ------
    ClmError
        SpecInvalid: the variant has no such pod.
    """
    if not 0 <= index < variant.indices:
        raise _invalid(f"variant {variant.name} has {variant.indices} pods, and none is {index}")
    return share(asked, index, variant.indices)


def _invalid(text: str) -> ClmError:
    return ClmError(Reason.SPEC_INVALID, text)
