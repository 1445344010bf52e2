"""What happened, and whom it is told."""
