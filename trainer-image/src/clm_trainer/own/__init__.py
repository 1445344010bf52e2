"""Features, targets and families by name: CLM's own and those of other packages, by one door."""
