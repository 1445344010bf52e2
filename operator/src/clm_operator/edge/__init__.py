"""Where the operator meets the cluster and who runs it: watches, namespaces, probes, the Lease."""
