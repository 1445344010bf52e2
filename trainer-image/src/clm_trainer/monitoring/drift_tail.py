"""The tail of the largest value in a block, fitted to the blocks that there are."""

from dataclasses import dataclass

import numpy as np

from clm_trainer.panel import Floats

_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Tail:
    """A Gumbel distribution of block maxima."""

    location: float
    scale: float

    def limit(self, confidence: float, blocks: float) -> float:
        """Return what none of so many blocks exceeds with that probability."""
        return float(self.location + self.scale * np.log(blocks / -np.log(confidence)))


def tail_of(largest: Floats) -> Tail:
    """Fit block maxima by L-moments (Hosking 1990), shape (blocks,)."""
    ordered, size = np.sort(largest), len(largest)
    mean = float(ordered.mean())
    weighted = float((ordered * np.arange(size)).sum() / (size * (size - 1)))
    scale = (2 * weighted - mean) / float(np.log(2))
    return Tail(mean - _EULER * scale, scale)
