"""Double DQN: the library's DQN values the action that it also chose, and so overrates it."""

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN
from torch.nn import functional


class DoubleDqn(DQN):  # type: ignore[misc]
    """DQN with the targets of van Hasselt, Guez & Silver (2016), exploring per environment."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take gradient steps on replayed transitions."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        for _ in range(gradient_steps):
            data = self.replay_buffer.sample(batch_size)
            target = self.targets(data.next_observations, data.rewards, data.dones)
            valued = torch.gather(self.q_net(data.observations), 1, data.actions.long())
            loss = functional.smooth_l1_loss(valued, target)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
        self._n_updates += gradient_steps

    def targets(
        self, following: torch.Tensor, rewards: torch.Tensor, dones: torch.Tensor
    ) -> torch.Tensor:
        """Return reward + discounted value of what follows, shape (transitions, 1).

        The online network chooses the action, the target network values it.
        """
        with torch.no_grad():
            chosen = self.q_net(following).argmax(dim=1, keepdim=True)
            value = torch.gather(self.q_net_target(following), 1, chosen)
            target: torch.Tensor = rewards + (1 - dones) * self.gamma * value
        return target

    def predict(
        self,
        observation: NDArray[np.float32],
        state: tuple[NDArray[np.float32], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,  # noqa: FBT001, FBT002 - as in the library
    ) -> tuple[NDArray[np.int64], tuple[NDArray[np.float32], ...] | None]:
        """Return actions; each environment explores for itself, the library's all at once."""
        greedy, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        if deterministic:
            return greedy, state
        explores = np.random.rand(len(greedy)) < self.exploration_rate  # noqa: NPY002 - as seeded
        drawn = np.random.randint(0, self.action_space.n, len(greedy))  # noqa: NPY002
        return np.where(explores, drawn, greedy), state
