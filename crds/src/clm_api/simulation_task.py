"""What the pods of a Simulation are told, and what they leave behind.

The operator freezes a simulation as ``task.json`` before it makes the first Job. Pod number i of a
variant trains its slots i, i + indices, i + 2 × indices …; a last Job reads all of them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Exact, Instant, Model
from clm_api.figures import Count, Figure
from clm_api.report import ManifestFile, Sha256, ShortText, listed
from clm_api.run import RunSpec
from clm_api.simulation import MAX_VARIANTS
from clm_api.training_schedule import TrainingScheduleSpec

Label = Annotated[str, Field(min_length=1, max_length=40)]


class TaskVariant(Model):
    """One variant, patched and resolved."""

    name: Label
    """The variant's."""
    schedule: TrainingScheduleSpec
    """The schedule with the variant's patch: its slots follow from it."""
    run: RunSpec
    """A run over all bars: from the first slot's data to the end."""
    indices: Annotated[int, Field(ge=1, le=10000)]
    """Pods that share its slots."""


class SimulationTask(Model):
    """``task.json``: create-only, written by the operator."""

    schema_version: Literal[1] = 1
    from_: Annotated[Instant, Field(alias="from")]
    """First slot."""
    to: Instant
    """End, exclusive."""
    variants: Annotated[list[TaskVariant], Field(min_length=1, max_length=MAX_VARIANTS)]
    """All variants."""


class VariantResult(Model):
    """What came of a variant; its ``simulation.json`` has all of it."""

    name: Label
    """The variant's."""
    versions: Count
    """Slots that were trained."""
    failed: Count
    """Those whose run would have failed."""
    passed: Count
    """Those that would have been candidates."""
    promotions: Count
    """Changes of the production model."""
    production: Mapping[str, Figure]
    """Metrics of whatever was in production; undefined ones absent."""
    buy_and_hold: Figure
    """Return of buying all symbols at the start and never selling."""
    deflated_sharpe: Annotated[Figure, Field(ge=0, le=1)] | None = None
    """Probability that production's Sharpe ratio is above the luck of all judged versions of all
    variants; absent where it has no Sharpe ratio. The one in ``production`` counts its own."""


class OverfittingResult(Model):
    """What choosing the best of everything is worth."""

    probability: Annotated[Figure, Field(ge=0, le=1)] | None = None
    """Probability of backtest overfitting; absent where it is unknown."""
    trials: Count
    """Versions of all variants that share the bars."""
    reason: Annotated[str, Field(max_length=1024)] = ""
    """Why it is unknown."""


class SimulationResult(Model):
    """``results.json``: what the operator takes into the status."""

    schema_version: Literal[1] = 1
    variants: Annotated[list[VariantResult], Field(min_length=1, max_length=MAX_VARIANTS)]
    """All variants, in the order of the task."""
    overfitting: OverfittingResult
    """Over versions and variants, all counted as trials."""
    judged: Count = 0
    """Versions of all variants that were judged."""
    tries: Count = 0
    """The tries that ``deflatedSharpe`` counts: a judged version of three seeds is three."""


class VariantOrigin(Model):
    """What a variant's numbers were made of."""

    name: Label
    """The variant's."""
    image: Exact
    """Image that trained its versions."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of everything random."""
    from_: Annotated[Instant, Field(alias="from")]
    """First bar's open time."""
    to: Instant
    """End of the bars, exclusive."""
    bars: Count
    """Bars of all symbols."""
    bars_sha256: Sha256
    """Digest of the exact bars."""
    fingerprint: Sha256
    """Digest of bars, funding, spec and code: that of every one of its slots."""


class SimulationManifest(Model):
    """``manifest.json``: the commit point of a simulation, written last and only once."""

    schema_version: Literal[1] = 1
    attempt: Annotated[str, Field(max_length=63)]
    """The pod that wrote the files."""
    files: Annotated[list[ManifestFile], Field(min_length=1, max_length=4 * MAX_VARIANTS + 8)]
    """Every file of the attempt: ``results.json``, ``report.html``, and of each variant
    ``variants/NAME/simulation.json``, ``equity.parquet``, ``trades.parquet``, ``equity.svg``."""
    task_sha256: Sha256
    """Digest of task.json."""
    code_revision: Exact
    """Version of the trainer."""
    libraries: Annotated[dict[ShortText, ShortText], Field(max_length=64)]
    """Versions of the libraries that the numbers depend on."""
    variants: Annotated[list[VariantOrigin], Field(min_length=1, max_length=MAX_VARIANTS)]
    """What each variant was made of, in the order of the task."""
    created_at: Instant
    """When the manifest was written."""

    def file(self, name: str) -> ManifestFile:
        """Return the file of that name, such as ``results.json``.

        Raises
        ------
        KeyError
            The manifest lists no such file.
        """
        return listed(self.files, self.attempt, name)
