"""Jobs and their pods, whatever they work on: manifests, keys, waits, failures."""
