"""Pure: what follows from a snapshot."""
