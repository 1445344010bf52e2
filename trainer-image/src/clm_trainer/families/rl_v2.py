"""RL v2: double DQN on vectorised episodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from clm_api.parameters.rl import RlV2Parameters
from clm_api.run import RunSpec
from clm_trainer.families.base import Dataset, FitContext, Reads
from clm_trainer.families.rl import fitted
from clm_trainer.families.rl.fitted import RlFitted
from clm_trainer.own.door import Offer


@dataclass(frozen=True)
class RlV2Family:
    """Trains policies by double DQN."""

    spec: RunSpec
    parameters: RlV2Parameters
    reads: ClassVar[Reads] = Reads(single=True, alone=True)

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> RlFitted:
        """Train every seed; the tail ``valid`` only ranks the scores.

        Raises
        ------
        ClmError
            Interrupted, InsufficientData, DeviceUnavailable.
        """
        from torch import nn

        from clm_trainer.families.rl.double_dqn import DoubleDqn
        from clm_trainer.families.rl.training import Algorithm, fit_seeds

        p = self.parameters

        def build(environments: Any, seed: int, device: str) -> DoubleDqn:
            return DoubleDqn(
                "MlpPolicy", environments, seed=seed, device=device,
                learning_rate=p.learning_rate, buffer_size=p.buffer_size,
                learning_starts=p.warm_up_steps, batch_size=p.batch_size, tau=p.tau, gamma=p.gamma,
                train_freq=max(1, p.steps_per_update // p.environments), gradient_steps=1,
                target_update_interval=max(p.steps_per_update, p.environments),
                exploration_fraction=p.exploration_fraction,
                exploration_final_eps=p.exploration_final,
                policy_kwargs={
                    "net_arch": [p.hidden_units, p.hidden_units], "activation_fn": nn.ReLU,
                },
            )  # fmt: skip

        def export(model: DoubleDqn) -> list[nn.Linear]:
            return [layer for layer in model.q_net.q_net if isinstance(layer, nn.Linear)]

        made = Algorithm("rl-v2", p.total_steps, build, export, "relu")
        return fit_seeds(train, valid, context, self.spec, p, made)

    def load(self, folder: Path, names: tuple[str, ...]) -> RlFitted:
        """Read a model.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features, or a file is damaged.
        """
        return fitted.load(folder, names, "relu")


OFFER = Offer(RlV2Parameters, lambda parameters, run: RlV2Family(run, parameters))
