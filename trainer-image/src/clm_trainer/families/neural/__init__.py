"""What the neural families share. Only ``windows`` and ``family`` can be imported without torch."""
