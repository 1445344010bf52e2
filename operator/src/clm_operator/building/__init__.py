"""Pure: names and manifests."""
