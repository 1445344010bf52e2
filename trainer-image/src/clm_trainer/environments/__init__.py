"""The market as a game: what both reinforcement-learning families learn in."""
