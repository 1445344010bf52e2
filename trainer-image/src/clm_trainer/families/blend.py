"""A blend: the mean of several models' percentiles, as one version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

import numpy as np

from clm_api.errors import ClmError
from clm_api.families import BlendMember, BlendParameters
from clm_api.run import RunSpec
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.base import (
    Dataset,
    Family,
    FitContext,
    Fitted,
    Reads,
    history_bars,
    reads_of,
    weighs_labels,
)
from clm_trainer.families.registry import family_of
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats


@dataclass(frozen=True, eq=False)
class Part:
    """One trained member, and where its scores stand among those of the calibration tail."""

    fitted: Fitted
    ranks: PercentileMap


@dataclass(frozen=True, eq=False)
class BlendFitted:
    """Trained members.

    Parameters
    ----------
    parts
        In the order of the schedule.
    """

    parts: tuple[Part, ...]

    @property
    def history_bars(self) -> int:
        """Closes that a row's score reads: the most of all members."""
        return max(history_bars(part.fitted) for part in self.parts)

    def score(self, window: Dataset) -> Floats:
        """Return the mean of the members' percentiles; NaN where a member has no score."""
        ranked = [part.ranks.rank(part.fitted.score(window)) for part in self.parts]
        mean: Floats = np.stack(ranked).mean(axis=0)
        return mean

    def save(self, folder: Path) -> None:
        """Write each member's files in a folder of its own, and its percentile map beside it."""
        for number, part in enumerate(self.parts):
            own = _folder(folder, number)
            own.mkdir(exist_ok=True)
            part.fitted.save(own)
            part.ranks.save(_ranks_file(folder, number))

    def importance(self) -> dict[str, float]:
        """Return each feature's share, averaged over the members that have shares."""
        found = [shares for part in self.parts if (shares := part.fitted.importance())]
        names = {name: None for shares in found for name in shares}
        mean = {name: sum(one.get(name, 0.0) for one in found) / len(found) for name in names}
        return dict(sorted(mean.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class BlendFamily:
    """Trains the members one after the other, on the same rows."""

    members: Sequence[BlendMember]
    families: Sequence[Family]

    @property
    def reads(self) -> Reads:
        """What the members read together."""
        all_of = [reads_of(family) for family in self.families]
        strides = [one.stride for one in all_of if one.stride is not None]
        return Reads(
            stride=gcd(*strides) if strides else None,
            single=all(one.single for one in all_of if one.stride is not None),
            alone=all(one.alone for one in all_of),
        )

    @property
    def weighs_labels(self) -> bool:
        """Whether every member does."""
        return all(weighs_labels(family) for family in self.families)

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> BlendFitted:
        """Train every member, and rank its scores on the calibration tail.

        Raises
        ------
        ClmError
            Interrupted, InsufficientData, DeviceUnavailable.
        """
        parts = []
        for number, (member, family) in enumerate(zip(self.members, self.families, strict=True)):
            fitted = family.fit(train, valid, self._context(context, number, member))
            parts.append(Part(fitted, PercentileMap.fit(fitted.score(valid))))
        return BlendFitted(tuple(parts))

    def load(self, folder: Path, names: tuple[str, ...]) -> BlendFitted:
        """Read every member.

        Raises
        ------
        ClmError
            ArtifactCorrupt: a member's file is damaged, or of other features.
        """
        parts = []
        for number, family in enumerate(self.families):
            own = _folder(folder, number)
            try:
                ranks = PercentileMap.load(_ranks_file(folder, number))
                part = Part(family.load(own, names), ranks)
            except ClmError as error:
                text = f"{own.name} ({self.members[number].family}): {error.message}"
                raise ClmError(error.reason, text) from error
            parts.append(part)
        return BlendFitted(tuple(parts))

    def _context(self, context: FitContext, number: int, member: BlendMember) -> FitContext:
        """Return a member's seed, and its share of the progress."""
        count, name = len(self.members), f"{number + 1}/{len(self.members)} {member.family}"
        return replace(
            context,
            seed=context.seed if member.seed is None else member.seed,
            progress=lambda done, line: context.progress(
                (number + done) / count, f"member {name}: {line}"
            ),
        )


def _folder(folder: Path, number: int) -> Path:
    return folder / f"member-{number}"


def _ranks_file(folder: Path, number: int) -> Path:
    return folder / f"member-{number}.json"


def _make(parameters: BlendParameters, run: RunSpec) -> BlendFamily:
    members = parameters.members
    families = [
        family_of(member, run, f"spec.model.blend.members[{number}]")
        for number, member in enumerate(members)
    ]
    return BlendFamily(members, families)


OFFER = Offer(BlendParameters, _make)
