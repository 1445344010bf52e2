"""A version's way from candidate to production and back, and what is kept of it."""
