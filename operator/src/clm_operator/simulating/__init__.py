"""Simulations are looked at, and what was decided of them is done."""
