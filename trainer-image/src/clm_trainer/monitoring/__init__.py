"""Replay Jobs: published models replayed on the bars that came after their training."""
