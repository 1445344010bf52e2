"""How many simulations there are, by phase."""

from prometheus_client import CollectorRegistry, Gauge

from clm_api.model_version import Phase
from clm_operator.mirror.objects import Key
from clm_operator.mirror.simulation import SimulationObject


class SimulationMetrics:
    """Counts simulations from their first sight on; no labels per simulation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._phases: dict[Key, Phase] = {}
        self._gauge = Gauge(
            "clm_simulations", "Simulations by phase.", ("phase",), registry=registry
        )
        self.show(shown=False)

    def seen(self, key: Key, simulation: SimulationObject | None) -> None:
        """Count a simulation; forget one that is deleted."""
        before = self._phases.pop(key, None)
        if before is not None:
            self._gauge.labels(before.value).dec()
        if simulation is not None and not simulation.deleted:
            self._phases[key] = simulation.status.phase
            self._gauge.labels(simulation.status.phase.value).inc()

    def show(self, *, shown: bool) -> None:
        """Show nothing where another process works."""
        if not shown:
            self._phases.clear()
            for phase in Phase:
                self._gauge.labels(phase.value).set(0)
