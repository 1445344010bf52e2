"""One pod's files in the store, and the commit that makes them the result."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol

from clm_api.base import Model
from clm_api.layout import RunLayout, SimulationLayout
from clm_api.report import FileFormat, Manifest, ManifestFile


class Store(Protocol):
    """What an attempt needs of a store."""

    def put(self, path: str, content: bytes) -> None:
        """Write an object."""

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless it exists; False if it does."""


class Attempt:
    """The folder of one attempt.

    Parameters
    ----------
    layout
        Where the run, or the simulation, lies.
    name
        The pod's uid: no other attempt has it.
    """

    def __init__(self, store: Store, layout: RunLayout | SimulationLayout, name: str) -> None:
        self._store, self._layout, self.name = store, layout, name
        self.files: list[ManifestFile] = []

    def write(self, name: str, content: bytes) -> None:
        """Write one file and remember its size and digest.

        Raises
        ------
        ValueError
            The name's ending stands for no format that an attempt may hold.
        """
        record = ManifestFile(
            path=RunLayout.relative_file(self.name, name),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            format=FileFormat(PurePosixPath(name).suffix.removeprefix(".")),
        )
        self._store.put(self._layout.attempt_file(self.name, name), content)
        self.files.append(record)

    def write_all(self, files: Mapping[str, bytes]) -> None:
        """Write several files in the order of their names."""
        for name in sorted(files):
            self.write(name, files[name])

    def commit(self, **facts: Any) -> bool:
        """Write the manifest, last and only once.

        Parameters
        ----------
        **facts
            The manifest's fields besides attempt and files.

        Returns
        -------
        bool
            False if another attempt was faster: its manifest stays as it is.
        """
        return self.publish(Manifest(attempt=self.name, files=list(self.files), **facts))

    def publish(self, manifest: Model) -> bool:
        """Write a manifest; False if another attempt was faster."""
        content = manifest.model_dump_json(by_alias=True, indent=1).encode()
        return self._store.create(self._layout.manifest, content)
