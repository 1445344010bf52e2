"""RL v3: PPO on vectorised episodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from clm_api.parameters.rl import RlV3Parameters
from clm_api.run import RunSpec
from clm_trainer.families.base import Dataset, FitContext, Reads
from clm_trainer.families.rl import fitted
from clm_trainer.families.rl.fitted import RlFitted

if TYPE_CHECKING:
    from stable_baselines3 import PPO
from clm_trainer.own.door import Offer


@dataclass(frozen=True)
class RlV3Family:
    """Trains policies by PPO."""

    spec: RunSpec
    parameters: RlV3Parameters
    reads: ClassVar[Reads] = Reads(single=True, alone=True)

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> RlFitted:
        """Train every seed; the tail ``valid`` only ranks the scores.

        Raises
        ------
        ClmError
            Interrupted, InsufficientData, DeviceUnavailable.
        """
        from torch import nn

        from clm_trainer.families.rl.training import Algorithm, fit_seeds

        p = self.parameters

        def build(environments: Any, seed: int, device: str) -> "PPO":
            return algorithm(p, environments, seed, device)

        def export(model: "PPO") -> list[nn.Linear]:
            hidden = model.policy.mlp_extractor.policy_net
            return [
                *(layer for layer in hidden if isinstance(layer, nn.Linear)),
                model.policy.action_net,
            ]

        made = Algorithm("rl-v3", p.total_steps, build, export, "tanh")
        return fit_seeds(train, valid, context, self.spec, p, made)

    def load(self, folder: Path, names: tuple[str, ...]) -> RlFitted:
        """Read a model.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features, or a file is damaged.
        """
        return fitted.load(folder, names, "tanh")


def algorithm(p: RlV3Parameters, environments: Any, seed: int, device: str) -> "PPO":
    """Return PPO with the family's settings: few, large batches from many environments."""
    from stable_baselines3 import PPO
    from torch import nn

    return PPO(
        "MlpPolicy", environments, seed=seed, device=device,
        learning_rate=lambda remaining: p.learning_rate * remaining,
        n_steps=p.rollout_steps, n_epochs=p.epochs, batch_size=p.batch_size, gamma=p.gamma,
        gae_lambda=p.gae_lambda, clip_range=p.clip_range, ent_coef=p.entropy_coefficient,
        max_grad_norm=p.max_gradient_norm,
        policy_kwargs={
            "net_arch": {"pi": [p.hidden_units] * 2, "vf": [p.hidden_units] * 2},
            "activation_fn": nn.Tanh,
        },
    )  # fmt: skip


OFFER = Offer(RlV3Parameters, lambda parameters, run: RlV3Family(run, parameters))
