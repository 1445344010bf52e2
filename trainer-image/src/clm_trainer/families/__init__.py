"""One file per model family; the registry imports them lazily."""
