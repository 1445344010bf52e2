"""The README's picture of the dashboard, from a simulation on the bundled bars: `make picture`."""
