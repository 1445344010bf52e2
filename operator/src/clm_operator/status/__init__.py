"""Pure: statuses and their differences."""
