"""Former names of modules that scripts import."""
