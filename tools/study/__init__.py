"""How often noise passes the gate and a real edge does not: `make study`."""
