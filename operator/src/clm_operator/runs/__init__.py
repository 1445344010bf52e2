"""What came of a run, and the Job that it needs."""
