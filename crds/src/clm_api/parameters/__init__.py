"""Typed parameters of the model families; defaults are the measured ones of the docs."""
