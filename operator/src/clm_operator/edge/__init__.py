"""Where the operator meets those who run it: which of several processes works."""
