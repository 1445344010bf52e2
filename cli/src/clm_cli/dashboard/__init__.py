"""``clm dashboard``: pages about schedules, versions and simulations, on this machine only."""
