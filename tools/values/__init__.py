"""The chart's README: its values, their defaults and what they mean, out of ``values.yaml``."""
