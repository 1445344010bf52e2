"""The object store: what runs left there, the pointer, lent keys."""
