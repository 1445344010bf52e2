"""Each guard of CLM is taken away in turn, and a named test must fail: `make mutants`."""
