"""clm_trainer."""
