"""What is asked of the operator, fixed before anything is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.schedules import schedule_spec

from bench.scale.world import NAMESPACE
from clm_api import API_VERSION

Raw = dict[str, Any]
STEPS = 4
"""So often each pod says how far it is."""
_FROM, _INTERVAL = datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=6)


@dataclass(frozen=True)
class Load:
    """Simulations that are applied one after the other, as fast as the API server takes them.

    Parameters
    ----------
    indices
        Pods of each simulation at once, which its variants share evenly.
    slots
        Versions that each pod trains.
    run_s
        How long each pod runs, that of the last step too.
    """

    simulations: int
    variants: int
    indices: int
    slots: int
    run_s: float

    @property
    def pods(self) -> int:
        """All pods that train."""
        return self.simulations * self.indices

    def objects(self) -> Iterator[Raw]:
        """Yield the Simulations."""
        slots = self.slots * self.indices // self.variants
        times = {"from": _text(_FROM), "to": _text(_FROM + slots * _INTERVAL)}
        variants = [
            {"name": f"seed-{seed}", "patch": {"model": {"seed": seed}}}
            for seed in range(self.variants)
        ]
        for number in range(self.simulations):
            yield {
                "apiVersion": API_VERSION,
                "kind": "Simulation",
                "metadata": {"name": f"sim-{number}", "namespace": NAMESPACE},
                "spec": {
                    "schedule": schedule_spec(interval="6h"),
                    **times,
                    "parallelism": self.indices,
                    "variants": variants,
                },
            }


FULL = Load(simulations=50, variants=2, indices=40, slots=10, run_s=180)
SMALL = Load(simulations=3, variants=2, indices=10, slots=4, run_s=4)


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
