"""clm_cli."""
