"""What the two reinforcement-learning families share."""
