"""What the cluster holds, kept from watches: rounds read here and make no request."""
