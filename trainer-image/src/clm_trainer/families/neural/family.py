"""Fitting and reading of neural families: several seeds of one network, kept as safetensors."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from clm_api.families import Family as FamilyName
from clm_api.parameters.neural import NeuralTraining
from clm_trainer.devices import choose_device
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.base import Dataset, FitContext, Reads
from clm_trainer.families.neural.windows import examples

# torch and neuralforecast take seconds and a gigabyte: only fitting and reading import them.
if TYPE_CHECKING:
    from clm_trainer.families.neural.fitted import NeuralFitted
    from clm_trainer.families.neural.networks import Member, Network
    from clm_trainer.families.neural.training import Lesson

P = TypeVar("P", bound=NeuralTraining)


@dataclass(frozen=True)
class NeuralFamily(Generic[P]):
    """Trains networks of one kind.

    Parameters
    ----------
    network
        Makes an untrained network from parameters, horizon in bars and seed.
    """

    name: FamilyName
    parameters: P
    horizon_bars: int
    network: "Callable[[P, int, int], Network]"
    reads: ClassVar[Reads] = Reads(stride=None, alone=True)

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> "NeuralFitted":
        """Train ``seeds`` networks, each stopped by its loss on the tail and ranked there.

        Raises
        ------
        ClmError
            Interrupted: the run was told to stop. InsufficientData: no row of the span or of the
            tail has a known path. DeviceUnavailable: the GPU that was asked for is not visible.
        """
        if context.device == "cuda":
            choose_device(1)
        p = self.parameters
        sizes = (p.input_bars, self.horizon_bars, p.row_stride)
        learn = examples(train, *sizes, span="training span")
        tail = examples(valid, *sizes, span="calibration tail")
        from clm_trainer.families.neural.fitted import NeuralFitted
        from clm_trainer.families.neural.training import Lesson

        lesson = Lesson(learn, tail)
        seeds = np.random.SeedSequence(context.seed).generate_state(p.seeds)
        members = [
            self._member(number, int(seed), lesson, valid, context)
            for number, seed in enumerate(seeds)
        ]
        fitted = NeuralFitted(tuple(members), p.input_bars, self._meta(train.names))
        spread = fitted.spread(valid)
        context.progress(1.0, f"{self.name} {p.seeds} seeds  spread of percentiles {spread:.3f}")
        return fitted

    def _member(
        self, number: int, seed: int, lesson: "Lesson", valid: Dataset, context: FitContext
    ) -> "Member":
        from clm_trainer.families.neural.fitted import last_steps
        from clm_trainer.families.neural.networks import Member, calm
        from clm_trainer.families.neural.training import Watch, train_network

        p = self.parameters

        def tell(step: int, loss: float) -> None:
            done = (number + step / p.max_steps) / p.seeds
            line = f"{self.name} seed {number + 1}/{p.seeds}  step {step}/{p.max_steps}"
            context.progress(done, f"{line}  valid {loss:z.4f}")

        with calm():
            network = self.network(p, self.horizon_bars, seed)
            watch = Watch(tell, context.should_stop)
            train_network(network, lesson, p, seed, context.device, watch)
        ranks = PercentileMap.fit(last_steps(network, valid, p.input_bars))
        return Member(network, ranks)

    def load(self, folder: Path, names: tuple[str, ...]) -> "NeuralFitted":
        """Read networks.

        Raises
        ------
        ClmError
            ArtifactCorrupt: a file can't be read, or belongs to another family, other parameters,
            another version of the library or other features.
        """
        from clm_trainer.families.neural.files import read_members
        from clm_trainer.families.neural.fitted import NeuralFitted

        p, meta = self.parameters, self._meta(names)

        def empty() -> "Network":
            return self.network(p, self.horizon_bars, 0)

        members = read_members(folder, meta, p.seeds, empty)
        return NeuralFitted(members, p.input_bars, meta)

    def _meta(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return what a stored model must agree with."""
        return {
            "family": self.name.value,
            "neuralforecastVersion": metadata.version("neuralforecast"),
            "horizonBars": self.horizon_bars,
            "parameters": self.parameters.to_json_dict(),
            "features": list(names),
        }
