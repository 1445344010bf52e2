"""The edge: the only place that imports kopf."""
