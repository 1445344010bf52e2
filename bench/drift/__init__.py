"""Drift as other libraries see it, on the streams of ``python -m tools.study drift``."""
