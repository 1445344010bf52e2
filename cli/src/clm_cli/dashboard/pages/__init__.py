"""What each page shows: pure functions of the world and the address."""
