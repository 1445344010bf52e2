"""A schedule replayed on history: what it and its gate would have earned."""
