"""The chart's Grafana dashboard, as the JSON that Grafana reads."""
