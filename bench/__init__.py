"""Benchmarks against other libraries; `make bench`."""
