"""Own features and models for CLM: an example to copy. docs/own.md explains each file."""
