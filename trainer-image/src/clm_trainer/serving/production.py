"""What is in production of a schedule, for a bot that asks no API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from clm_api.errors import ClmError, SpecError
from clm_api.production import ProductionPointer
from clm_api.reasons import Reason
from clm_trainer.serving.artifact import read_artifact
from clm_trainer.serving.model import ServedModel, served
from clm_trainer.storage import Storage


@dataclass(frozen=True, eq=False)
class InProduction:
    """The version in production, or none while production is empty.

    Parameters
    ----------
    address
        Where the store says so.
    model
        None while production is empty.
    """

    address: str
    pointer: ProductionPointer
    model: ServedModel | None

    def position(self, bars: Mapping[str, pd.DataFrame]) -> dict[str, float]:
        """Return each symbol's position after the newest bar, as ``ServedModel.position`` does.

        While production is empty it is 0 for every symbol that has bars here.
        """
        if self.model is None:
            return dict.fromkeys(bars, 0.0)
        return self.model.position(bars)

    def renewed(self) -> "InProduction":
        """Return what is in production now; nothing is loaded again where that is the same.

        Raises
        ------
        ClmError
            As for ``in_production``.
        """
        pointer = _read(self.address)
        return self if pointer == self.pointer else _loaded(self.address, pointer)


def in_production(address: str) -> InProduction:
    """Return what is in production of a schedule; every file is compared with its digest first.

    Parameters
    ----------
    address
        Of ``production/<namespace>/<schedule>.json`` in the store: a path, file:// or s3://
        (credentials and endpoint in the usual AWS_ variables).

    Raises
    ------
    ClmError
        SpecInvalid: there is no such object: nothing was ever in production. ArtifactCorrupt: it is
        no pointer; otherwise as for ``load``. StorageDenied, StorageUnavailable.
    """
    return _loaded(address, _read(address))


def _loaded(address: str, pointer: ProductionPointer) -> InProduction:
    if pointer.version is None or pointer.manifest is None or pointer.sha256 is None:
        return InProduction(address, pointer, None)
    model = served(read_artifact(pointer.manifest, pointer.sha256))
    return InProduction(address, pointer, model)


def _read(address: str) -> ProductionPointer:
    folder, _, name = address.removeprefix("file://").rpartition("/")
    local = "://" not in folder
    if local and not Path(folder or ".").is_dir():  # opening a store would make its folder
        raise SpecError("URI", f"there is no folder {folder}")
    content = Storage(folder or ".").get(name)
    if content is None:
        raise SpecError("URI", f"there is no {address}: nothing of it was ever in production")
    try:
        return ProductionPointer.model_validate_json(content)
    except ValidationError as error:
        text = f"{address} is no pointer of this clm: {error.errors()[0]['msg']}"
        raise ClmError(Reason.ARTIFACT_CORRUPT, text) from error
