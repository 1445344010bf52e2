"""A real single-node Kubernetes without Docker or a registry; kind where Docker answers."""
