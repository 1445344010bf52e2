"""Own models for CLM: an example to copy."""
