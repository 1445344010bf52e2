"""One round: what is known, what follows, what is done, what is written."""
