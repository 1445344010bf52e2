"""Published versions on new bars."""
