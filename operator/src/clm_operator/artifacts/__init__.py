"""The object store as the operator reads it: results verified, progress looked at."""
