"""When a run begins, and why not."""
