"""Where the cluster and the operator touch: watches, namespaces, probes."""
