"""Finished versions, one file each: a simulation that was cut off goes on where it was."""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from zipfile import BadZipFile

import numpy as np
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import MetricsFile
from clm_api.timing import slot_of
from clm_trainer.simulation.fingerprint import Fingerprint
from clm_trainer.simulation.version import PastVersion
from clm_trainer.storage import Storage

_FILE = ".npz"


def packed(version: PastVersion, made_of: Fingerprint) -> bytes:
    """Return a version's file: its signals, and what is known of it as JSON. No pickle.

    The same version always gives the same bytes.
    """
    metrics = version.metrics
    facts = {
        "slot": version.slot.isoformat(),
        "failure": version.failure,
        "metrics": None if metrics is None else metrics.to_json_dict(),
        "fingerprint": asdict(made_of),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        percentiles=version.percentiles,
        sigma=version.sigma,
    )
    return buffer.getvalue()


def unpacked(content: bytes) -> tuple[PastVersion, Fingerprint]:
    """Return what ``packed`` has written.

    Raises
    ------
    ValueError
        It is no such file.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            percentiles, sigma = arrays["percentiles"], arrays["sigma"]
        metrics = facts["metrics"]
        version = PastVersion(
            slot=datetime.fromisoformat(facts["slot"]),
            metrics=None if metrics is None else MetricsFile.model_validate(metrics),
            percentiles=percentiles,
            sigma=sigma,
            failure=facts["failure"],
        )
        return version, Fingerprint(**facts["fingerprint"])
    except (BadZipFile, EOFError, KeyError, OSError, TypeError, ValidationError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class SlotFolder:
    """The versions of one schedule on one range of bars.

    Parameters
    ----------
    folder
        In the store; the file of a slot is named by its whole minutes since the epoch.
    """

    store: Storage
    folder: str

    def path(self, slot: datetime) -> str:
        """Return the file of a slot."""
        return f"{self.folder}/{slot_of(slot)}{_FILE}"

    def finished(self, slots: Iterable[datetime]) -> set[datetime]:
        """Return those of some slots that have a file."""
        return {slot for slot in slots if self.store.has(self.path(slot))}

    def create(self, slot: datetime, content: bytes) -> bool:
        """Write a slot's file unless another one stands; False if it does."""
        return self.store.create(self.path(slot), content)

    def load(self, slot: datetime, made_of: Fingerprint) -> PastVersion:
        """Read a finished version.

        Parameters
        ----------
        made_of
            What it must have been made of.

        Raises
        ------
        ClmError
            DataInvalid: it is absent, can't be read, or was made of something else.
        """
        version, found = self._read(slot)
        if differing := made_of.differing(found):
            raise self._unusable(slot, f"was made of other {' and other '.join(differing)}")
        return version

    def made_of(self, slot: datetime) -> Fingerprint:
        """Return what a finished version was made of.

        Raises
        ------
        ClmError
            DataInvalid: it is absent or can't be read.
        """
        return self._read(slot)[1]

    def _read(self, slot: datetime) -> tuple[PastVersion, Fingerprint]:
        content = self.store.get(self.path(slot))
        if content is None:
            raise self._unusable(slot, "is absent")
        try:
            return unpacked(content)
        except ValueError as error:
            raise self._unusable(slot, f"can't be read ({error})") from error

    def _unusable(self, slot: datetime, why: str) -> ClmError:
        text = f"the version of slot {slot:%Y-%m-%dT%H:%MZ} {why}: {self.path(slot)}; simulate anew"
        return ClmError(Reason.DATA_INVALID, text)
