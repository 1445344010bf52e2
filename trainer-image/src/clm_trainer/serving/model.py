"""A published model, and the positions that it decides on later bars."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_trainer.evaluation.positions import PercentileMap, target_positions
from clm_trainer.families import registry
from clm_trainer.families.base import Dataset, Fitted
from clm_trainer.features import STANDARD, FeatureSet, code_hash
from clm_trainer.features import registry as feature_sets
from clm_trainer.own.package import require_same
from clm_trainer.panel import Panel
from clm_trainer.serving.artifact import Artifact, read_artifact
from clm_trainer.serving.decisions import Decisions
from clm_trainer.serving.given import given_panel
from clm_trainer.serving.live import Live, resumed
from clm_trainer.stages.features import dataset

REFERENCE = "reference_stats.json"
LIVE = "live.json"
"""The state at the end of a run, from which serving goes on."""


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model that was published, ready to decide.

    Parameters
    ----------
    data_from
        First bar of the training data: with bars from here on, the features are those of the run.
    trained_until
        Newest bar that the model was made of; its close is the first that it decides on.
    features
        The feature set that it was trained on.
    reference
        What its run stored of the market that it was trained on, unread; None if it did not.
    digest
        Of the model's files.
    stored
        The state that its run stored at its end, unread; None if it did not.
    """

    spec: RunSpec
    data_from: pd.Timestamp
    trained_until: pd.Timestamp
    fitted: Fitted
    ranks: PercentileMap
    features: FeatureSet = STANDARD
    reference: bytes | None = None
    digest: str = ""
    stored: bytes | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that it trades."""
        return tuple(self.spec.data.symbols)

    @property
    def timeframe(self) -> pd.Timedelta:
        """Length of a bar."""
        return pd.Timedelta(self.spec.data.timeframe)

    def position(self, bars: Mapping[str, pd.DataFrame]) -> dict[str, float]:
        """Return each symbol's position after the newest bar, a fraction of its sleeve in [-1, 1].

        Positions carry over from bar to bar (least holding time, take profit, stop), so all of
        them since ``trained_until`` are worked out anew, from a flat start.

        Parameters
        ----------
        bars
            Closed bars by symbol, from ``data_from`` on or at least 720 bars before
            ``trained_until``: columns timestamp (UTC open time), open, high, low, close, volume,
            and what ``spec.data`` names beside them, such as ``takerBuyVolume`` or ``mood.score``.
            The newest bar must be of the same time for all symbols.

        Raises
        ------
        ClmError
            InsufficientData: a symbol or a part of the bars is missing, or the bars of some
            symbols end before those of others. DataInvalid: times without zone, out of order,
            doubled or off the grid; a wrong price; a column that lacks.
        """
        decided = self.decide(given_panel(bars, self.spec.data))
        return dict(zip(self.symbols, decided.targets[-1].tolist(), strict=True))

    def live(self, bars: Mapping[str, pd.DataFrame] | None = None) -> Live:
        """Return the model at work after some bars; its ``update`` takes those that close later.

        Parameters
        ----------
        bars
            As for ``position``; without them it goes on where its run ended.

        Raises
        ------
        ClmError
            InsufficientData: as for ``position``; or there are no bars, and its run stored no
            state. DataInvalid: as for ``position``. ArtifactCorrupt: the state is damaged.
        """
        if bars is not None:
            return self.live_on(given_panel(bars, self.spec.data))
        if self.stored is None:
            raise _too_little("its run stored no state to go on from: hand over bars")
        return resumed(self, self.stored)

    def live_from(self, content: bytes) -> Live:
        """Return the live model that ``Live.save`` saved.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it is damaged, or belongs to another model.
        """
        return resumed(self, content)

    def live_on(self, panel: Panel) -> Live:
        """Return the model at work after a panel's bars.

        Raises
        ------
        ClmError
            As for ``decided``.
        """
        self.first_row(panel)
        made = Live(self)
        made.advance(panel)
        return made

    def rows(self, panel: Panel) -> Dataset:
        """Return all rows of a panel, with the features that the model was trained on."""
        return dataset(panel, None, self.features)

    def decide(self, panel: Panel) -> Decisions:
        """Return all decisions from the close of ``trained_until`` to the panel's end.

        Raises
        ------
        ClmError
            As for ``decided``.
        """
        return self.decided(panel, self.rows(panel))

    def decided(self, panel: Panel, known: Dataset) -> Decisions:
        """Return the same, of rows that were made already.

        Parameters
        ----------
        known
            All rows of the panel.

        Raises
        ------
        ClmError
            InsufficientData: the panel does not reach from the warm-up to ``trained_until``.
        """
        start = self.first_row(panel)
        rows = known.rows(start, len(panel))
        percentiles = self.ranks.rank(self.fitted.score(rows))
        spec, window = self.spec, panel.window(start, len(panel))
        targets = target_positions(percentiles, rows.sigma, window, spec.target, shorts=spec.shorts)
        return Decisions(window.times, panel.symbols, percentiles, targets)

    def first_row(self, panel: Panel) -> int:
        """Return the row of ``trained_until``, the first that is decided on.

        Raises
        ------
        ClmError
            As for ``decided``.
        """
        start = int(panel.times.searchsorted(self.trained_until))
        if start >= len(panel):
            raise _too_little(f"bars end before {self.trained_until}, up to which it was trained")
        if panel.times[start] != self.trained_until or start < self.features.warm_up_bars:
            first = self.trained_until - self.features.warm_up_bars * self.timeframe
            raise _too_little(
                f"bars begin at {panel.times[0]}; the model needs them from {first} on, "
                f"and from {self.data_from} on for exactly the run's features"
            )
        return start


def load(uri: str) -> ServedModel:
    """Return the model that a manifest publishes; every file is compared with its digest first.

    Parameters
    ----------
    uri
        Address of a ``manifest.json``: a path, file:// or s3:// (credentials and endpoint in the
        usual AWS_ variables).

    Raises
    ------
    ClmError
        SpecInvalid: there is no manifest, or an own package of the model is not installed.
        ArtifactCorrupt: a file differs from it, or the model was made by other feature code than
        this one, CLM's or its own package's. StorageDenied, StorageUnavailable.
    """
    return served(read_artifact(uri))


def served(artifact: Artifact) -> ServedModel:
    """Return the model of files that were read.

    Raises
    ------
    ClmError
        SpecInvalid: an own package of the model is not installed.
        ArtifactCorrupt: the model was made by other feature code than this one, CLM's or its own
        package's, or its files by another version of the trainer.
    """
    try:
        return _served(artifact)
    except (ValidationError, KeyError) as error:
        raise ClmError(
            Reason.ARTIFACT_CORRUPT,
            f"{artifact.address} has files that another version of the trainer wrote "
            f"({' '.join(str(error).split())[:200]}): use the trainer of its image "
            f"({artifact.manifest.image}), or train a new version",
        ) from error


def _served(artifact: Artifact) -> ServedModel:
    manifest = artifact.manifest
    require_same(manifest.packages, artifact.address, manifest.image)
    features = artifact.json("features.json")
    if features["codeHash"] != code_hash():
        raise ClmError(
            Reason.ARTIFACT_CORRUPT,
            f"{artifact.address} was made by other feature code ({features['codeHash'][:12]}) "
            f"than this trainer's ({code_hash()[:12]}), and its inputs would differ: use the "
            f"trainer of its image ({artifact.manifest.image}), or train a new version",
        )
    run = RunSpec.model_validate(artifact.json("run.json")["spec"])
    metrics = MetricsFile.model_validate(artifact.json("metrics.json"))
    quantiles = artifact.json("model/percentiles.json")["quantiles"]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in artifact.model_files().items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        fitted = registry.create(run).load(Path(folder), tuple(features["names"]))
    return ServedModel(
        spec=run,
        data_from=pd.Timestamp(artifact.manifest.data.from_),
        trained_until=pd.Timestamp(metrics.trained_until),
        fitted=fitted,
        ranks=PercentileMap(np.array(quantiles)),
        features=feature_sets.create(run),
        reference=artifact.files.get(REFERENCE),
        digest=files_digest(artifact.model_files()),
        stored=artifact.files.get(LIVE),
    )


def files_digest(files: Mapping[str, bytes]) -> str:
    """Return one digest of a model's files, by their name within ``model/``."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


def _too_little(text: str) -> ClmError:
    return ClmError(Reason.INSUFFICIENT_DATA, text)
