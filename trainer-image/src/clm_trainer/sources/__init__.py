"""Where bars come from: files, the exchange, and the cache that both fill."""
