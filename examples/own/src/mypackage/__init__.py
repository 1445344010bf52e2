"""Own features, models and a target for CLM: an example to copy. docs/own.md explains them."""
