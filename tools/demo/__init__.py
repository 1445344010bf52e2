"""``make demo``: from nothing to a judged model version on a real cluster."""
