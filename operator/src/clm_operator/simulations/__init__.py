"""A Simulation as data: what is known of it, what follows, and what is to be done."""
